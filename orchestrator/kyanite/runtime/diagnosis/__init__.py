"""How the installation is: what `kyanite doctor` finds, one part after the other.

`storage` looks at the store, the blobs and the clock that their times come from, `ground` at what they stand on:
programs, memory, disks. Nothing in the data folder is created or changed, whoever owns it meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec

from kyanite import plugins
from kyanite.config import Resolved
from kyanite.core.findings import Finding
from kyanite.errors import ConfigError
from kyanite.ports import Clock, Provider
from kyanite.runtime.diagnosis import ground, storage
from kyanite.runtime.system import SystemClock

__all__ = ["diagnose"]

SETTINGS_NAMED_MAX = 4


async def diagnose(resolved: Resolved, *, clock: Clock | None = None) -> AsyncGenerator[Finding]:
    """Yield a finding for each part, as it is looked at. What is broken is a finding, not an exception."""
    settings = resolved.settings
    yield _configuration(resolved)
    yield ground.versions()
    yield ground.machine(settings.limits)
    places = storage.places(settings)
    for finding in ground.disks(places | ground.working_folders(settings)):
        yield finding
    providers = _loaded(resolved)
    for provider in providers:
        if isinstance(provider, Finding):
            yield provider
    served = [provider for provider in providers if isinstance(provider, Provider)]
    targets = {target.id for provider in served for target in provider.targets()}
    async for finding in storage.diagnose(settings, targets, clock or SystemClock()):
        yield finding
    for provider in served:
        for finding in await _asked(provider):
            yield finding
    yield _plots()


def _configuration(resolved: Resolved) -> Finding:
    given = [f"{path} from {origin}" for path, origin in sorted(resolved.origins.items())]
    more = [f"{len(given) - SETTINGS_NAMED_MAX} more"] if len(given) > SETTINGS_NAMED_MAX else []
    text = "; ".join([*given[:SETTINGS_NAMED_MAX], *more]) or "every setting at its default"
    advice = "`kyanite config show --origin` has them all" if more else ""
    return Finding("configuration", "ok", text, advice)


def _loaded(resolved: Resolved) -> Sequence[Provider | Finding]:
    """Return every provider that is installed, and what is wrong with those that can not be loaded."""
    broken = []
    for point in sorted(entry_points(group=plugins.GROUP), key=lambda point: point.name):
        try:
            point.load()
        except Exception as error:  # noqa: BLE001  # somebody else's code may raise anything
            advice = "reinstall the package it comes from; its jobs wait meanwhile"
            broken.append(Finding(f"provider {point.name}", "failed", f"can not be imported: {error!r}", advice))
    try:
        return [*broken, *plugins.providers(resolved.settings.providers)]
    except ConfigError as error:
        return [*broken, Finding("providers", "failed", str(error), "correct the options of this provider")]


async def _asked(provider: Provider) -> Sequence[Finding]:
    try:
        async with provider:
            return await provider.diagnose()
    except Exception as error:  # noqa: BLE001  # somebody else's code may raise anything
        text = f"it can not be tried out: {error!r}"
        return [Finding(f"provider {provider.id}", "failed", text, "see the message; jobs of this provider would fail")]


def _plots() -> Finding:
    if find_spec("matplotlib") is not None:
        return Finding("plots", "ok", "matplotlib is installed")
    return Finding("plots", "ok", "matplotlib is not installed", 'for plots, pip install "kyanite[plot]"')
