"""The targets of a daemon, as they were when the connection was made."""

from __future__ import annotations

from collections.abc import Iterable

from kyanite.core.job import Target


class Targets:
    """Where jobs can go; see `kyanite.ports.TargetsFace`."""

    def __init__(self, targets: Iterable[Target]) -> None:
        """Know these."""
        self._targets = {target.id: target for target in targets}

    def targets(self) -> list[Target]:
        """Return all targets, by id."""
        return sorted(self._targets.values(), key=lambda target: target.id)

    def get(self, target_id: str) -> Target | None:
        """Return a target, if there is one of this id."""
        return self._targets.get(target_id)
