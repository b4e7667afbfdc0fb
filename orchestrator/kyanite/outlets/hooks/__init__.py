"""Command hooks, `[[hooks]]`: programs that are run with events, each as a subscription with a cursor of its own.

The program is run as an argument list, never by a shell, with the event and the job's row as JSON on its standard
input. It has taken the event when it ends with exit status 0. It runs where this process does, with its environment
less whatever holds a secret, and can ask `kyanite` about the job, for it is told the data folder and the workspace.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import anyio
import msgspec

from kyanite.config import HookSettings, Settings
from kyanite.config.entries import same_name
from kyanite.config.secrecy import variables
from kyanite.config.settings import namesakes
from kyanite.core.events import EVENTS, Event
from kyanite.core.job import JobDetails
from kyanite.errors import ConfigError, Undelivered
from kyanite.logs import logger, without_secrets
from kyanite.outlets.hooks.arguments import checked, filled
from kyanite.outlets.hooks.command import Outcome, run
from kyanite.ports.subscribers import Manner, Receipt, Subscriber, Subscription

MANNER = Manner(by_job=True, at_once=4, delays_s=(1.0, 10.0, 60.0, 600.0), logs=True)
EXCERPT_LENGTH_MAX = 1_000
API_KEY = "KYANITE_API_KEY"
_TYPES = {event.__name__: event for event in EVENTS}
_CONTROL = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}

Environment: TypeAlias = Callable[[str], Mapping[str, str]]
"""What a program finds in its environment, given the workspace of the job."""


def subscriptions(settings: Settings) -> list[Subscription]:
    """Return what the hooks of the configuration subscribe to. Raises `ConfigError` naming the setting at fault."""
    twice = namesakes(settings.hooks, settings.workspace)
    if twice:
        raise ConfigError(same_name("hooks", *twice, settings.hooks[twice[0]].title))
    environment = _environment(settings)
    found = []
    for index, hook in enumerate(settings.hooks):
        checked(f"hooks.{index}.run", hook.run)
        subscription = Subscription(
            tuple(dict.fromkeys(_TYPES[name] for name in hook.on)),
            _subscriber(hook, environment),
            hook.workspace or settings.workspace,
            f"hook/{hook.title}",
            target=hook.target,
            tag=hook.tag,
            name_prefix=hook.name_prefix,
            manner=MANNER,
        )
        found.append(subscription)
    return found


def document(event: Event, details: JobDetails) -> bytes:
    """Return what a program reads: `{"event": ..., "job": ...}`, each as the daemon's own API has it."""
    return msgspec.json.encode({"event": event, "job": msgspec.structs.asdict(details)})


def _subscriber(hook: HookSettings, environment: Environment) -> Subscriber:
    async def call(event: Event, details: JobDetails) -> Receipt:
        arguments = filled(hook.run, event, details)
        began_s = anyio.current_time()
        try:
            outcome = await run(arguments, document(event, details), environment(event.workspace), hook.timeout_s)
        except OSError as error:
            raise Undelivered(f"{hook.run[0]} can not be started: {error.strerror}") from error
        output = _legible(outcome.output)
        tell = logger().bind(hook=hook.title, event_type=type(event).__name__, job_id=event.job_id)
        tell = tell.bind(status=outcome.status, seconds=round(anyio.current_time() - began_s, 3), output=output)
        if outcome.dropped_bytes:
            tell = tell.bind(dropped_bytes=outcome.dropped_bytes)
        failure = _failure(hook, outcome)
        if failure:
            tell.warning("hook has failed", reason=failure)
            raise Undelivered(failure, status=outcome.status, excerpt=output[:EXCERPT_LENGTH_MAX])
        tell.info("hook has run")
        return Receipt(outcome.status, output[:EXCERPT_LENGTH_MAX])

    return call


def _failure(hook: HookSettings, outcome: Outcome) -> str:
    if outcome.in_time and outcome.status == 0:
        return ""
    program = hook.run[0]
    if not outcome.in_time:
        return f"{program} did not end within {hook.timeout_s:g} s"
    if outcome.status is None:
        return f"{program} was ended by {outcome.signal}"
    return f"{program} ended with exit status {outcome.status}"


def _legible(output: bytes) -> str:
    """Return an output as text that a terminal may show: programs repeat what whoever submitted the job has chosen."""
    text = output.decode(errors="replace").replace("\r\n", "\n")
    return without_secrets(text.translate(_CONTROL)).strip()


def _environment(settings: Settings) -> Environment:
    named = variables(("providers",), settings.providers)
    for index, webhook in enumerate(settings.webhooks):
        named |= variables(("webhooks", str(index), "secrets"), webhook.secrets)
    data_dir = str(Path(settings.data_dir).expanduser().absolute())

    def of(workspace: str) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in named and name.upper() != API_KEY}
        return kept | {"KYANITE_DATA_DIR": data_dir, "KYANITE_WORKSPACE": workspace}

    return of
