"""How often something took how long: counts by bucket, cheap enough for every job and every request."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """Durations in seconds, counted by the first of some ascending bounds that they do not exceed."""

    __slots__ = ("bounds_s", "counts", "sum_s")

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        """Count nothing yet."""
        self.bounds_s = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        """One for each bound, and one for what exceeds the last."""
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration; one below zero, as when a wall clock was set back, counts as none."""
        self.counts[bisect_left(self.bounds_s, seconds)] += 1
        if seconds > 0.0:
            self.sum_s += seconds

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)
