"""Time, identity and chance: what a run is repeated from."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time. Durations use `monotonic`; the wall clock is for display and may jump either way."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...


class Entropy(Protocol):
    """Identity and chance. Injected, so that a run can be repeated exactly."""

    def job_id(self) -> str:
        """Return a fresh job id."""
        ...

    def event_id(self) -> str:
        """Return a fresh event id."""
        ...

    def random(self) -> float:
        """Return a number uniform in [0, 1)."""
        ...
