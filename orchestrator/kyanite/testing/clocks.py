"""Time and chance that a test owns."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count


class FakeClock:
    """A clock that moves only when told to; wall and monotonic time move together unless `jump` sets them apart."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Start at this wall time."""
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Return the wall time."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, forward or back, while no time passes."""
        self._now += timedelta(seconds=seconds)


class FakeEntropy:
    """Ids that count up, and random numbers of a seed."""

    def __init__(self, seed: int = 0) -> None:
        """Begin at one."""
        self._jobs = count(1)
        self._events = count(1)
        self._random = random.Random(seed)

    def job_id(self) -> str:
        """Return `job-000001` and so on."""
        return f"{next(self._jobs):06d}"

    def event_id(self) -> str:
        """Return `event-1` and so on."""
        return f"event-{next(self._events)}"

    def random(self) -> float:
        """Return the seed's next number."""
        return self._random.random()
