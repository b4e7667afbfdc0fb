"""The providers of a workspace and the targets they serve."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kyanite.core.job import Target
from kyanite.errors import InvalidRequest, UnknownTarget
from kyanite.ports import Provider


class Registry:
    """Targets by id, each with its provider."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        """Register these providers. Raises `InvalidRequest` if two serve the same target."""
        self.providers: list[Provider] = []
        self._served: dict[str, tuple[Target, Provider]] = {}
        for provider in providers:
            self.add(provider)

    def add(self, provider: Provider) -> None:
        """Register one more. Raises `InvalidRequest` if one of its targets is served already."""
        targets = {target.id: (target, provider) for target in provider.targets()}
        for target_id in targets.keys() & self._served.keys():
            raise InvalidRequest("target", f"{target_id!r} is registered already")
        self.providers.append(provider)
        self._served |= targets

    def targets(self) -> list[Target]:
        """Return all targets, by id."""
        return sorted((target for target, _ in self._served.values()), key=lambda target: target.id)

    def get(self, target_id: str) -> Target | None:
        """Return a target, or `None` while nobody serves it."""
        served = self._served.get(target_id)
        return served[0] if served else None

    def find(self, target_id: str) -> tuple[Target, Provider]:
        """Return a target and who serves it. Raises `UnknownTarget`, with a guess at what was meant."""
        served = self._served.get(target_id)
        if served is not None:
            return served
        near = difflib.get_close_matches(str(target_id), self._served, 1)
        known = ", ".join(sorted(self._served)) or "none"
        raise UnknownTarget(f"{target_id!r}; " + (f"did you mean {near[0]!r}?" if near else f"there are: {known}"))
