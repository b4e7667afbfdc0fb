"""How far a job is, as a watcher knows it: its row folded from its events, its progress, its best costs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kyanite import Event, JobDetails
    from kyanite.core.events import Progressed

COSTS_MAX = 256
"""How many best costs are kept, an even number; when there are more, each stands for twice as many."""
RATE_WINDOW_S = 30.0
"""The pace of so many seconds is taken for what is to come."""
RATE_LEAST_S = 1.0
FRACTION_LEAST = 0.01
STALLED_S = 10.0
"""A job that has not moved for so long may not do so soon: nothing is said of its end."""
INTEGER_LIMIT = 1e15

COLOURS = {"Succeeded": "green", "Failed": "red", "Cancelled": "yellow"}


class JobProgress:
    """One job that is being watched. Times `now_s` are seconds of a clock that only grows."""

    def __init__(self, details: JobDetails, *, target_missing: bool = False, inspects: bool = False) -> None:
        """Begin with the row as it was last seen; `inspects` tells whether the target looks at inputs beforehand."""
        self.details = details
        self.fraction: float | None = None
        self.costs: list[float] = []
        self._target_missing = target_missing
        self._inspects = inspects
        self._row: JobDetails | None = None
        self._stride = 1
        self._heard = 0
        self._pace: deque[tuple[float, float]] = deque()

    def hear(self, event: Event) -> None:
        """Take up the job's next event, the first to begin with."""
        from kyanite.core.lifecycle import apply

        attempt = self.details.attempt
        self._row = apply(self._row, event)
        if self._row.version >= self.details.version:
            self.details = self._row
        if self.details.attempt != attempt or not self.details.driving:
            self._pace.clear()
            self.fraction = None
        if self.details.final:
            self._look_back()

    def see(self, progress: Progressed, now_s: float) -> None:
        """Take up newer progress."""
        self.fraction = _number(progress.fraction)
        if self.fraction is not None:
            self.fraction = min(max(self.fraction, 0.0), 1.0)
            if not self._pace or self.fraction != self._pace[-1][1]:
                self._pace.append((now_s, self.fraction))
            while self._pace[-1][0] - self._pace[0][0] > RATE_WINDOW_S and len(self._pace) > 2:
                self._pace.popleft()
        cost = _number(progress.values.get("best_cost"))
        if cost is not None:
            self._keep(cost)

    def left_s(self, now_s: float) -> float | None:
        """Return about how many seconds the job will go on, if its progress so far tells."""
        if self.fraction is None or len(self._pace) < 2 or not self.details.driving:
            return None
        (first_s, first), (last_s, last) = self._pace[0], self._pace[-1]
        told = last_s - first_s >= RATE_LEAST_S and last >= FRACTION_LEAST and last > first
        if not told or now_s - last_s > STALLED_S:
            return None
        return max((1.0 - last) * (last_s - first_s) / (last - first) - (now_s - last_s), 0.0)

    def since(self, now: datetime) -> float:
        """Return for how many seconds the job has executed, or waited, or had when it ended."""
        start = self.details.begin_execution_time or self.details.creation_time
        end = self.details.end_execution_time or self.details.cancellation_time or now
        return max((end - start).total_seconds(), 0.0)

    def phase(self, now: datetime) -> tuple[str, str]:
        """Return what the job is doing in a few words, and a colour for them."""
        row = self.details
        if row.final:
            return row.status.value.lower(), COLOURS[row.status.value]
        if row.cancel_requested:
            return "cancelling", "yellow"
        if row.driving:
            return f"attempt {row.attempt}" if row.attempt > 1 else "executing", "cyan"
        return self._pause(now), "magenta" if row.attempt else ""

    def _pause(self, now: datetime) -> str:
        """Return what the job waits for."""
        row = self.details
        pause_s = (row.not_before - now).total_seconds() if row.not_before is not None else 0.0
        if self._target_missing:
            return "target missing"
        if pause_s > 0:
            return f"retry in {math.ceil(pause_s)}s"
        return "inspecting" if self._inspects and not row.inspected else "waiting"

    @property
    def order(self) -> tuple[int, float, str]:
        """Where the job stands among those shown: what executes first, then what will soonest."""
        row = self.details
        return (0 if row.driving else 1 if row.attempt else 2, row.creation_time.timestamp(), row.id)

    @property
    def best(self) -> str:
        """The lowest cost so far."""
        if not self.costs:
            return ""
        cost = min(self.costs)
        return f"{cost:.0f}" if cost.is_integer() and abs(cost) < INTEGER_LIMIT else f"{cost:.6g}"

    def _keep(self, cost: float) -> None:
        if self._heard % self._stride:
            self.costs[-1] = min(cost, self.costs[-1])
        else:
            if len(self.costs) == COSTS_MAX:
                self.costs = [min(pair) for pair in zip(self.costs[::2], self.costs[1::2], strict=True)]
                self._stride *= 2
            self.costs.append(cost)
        self._heard += 1

    def _look_back(self) -> None:
        """Take the costs from the row of an ended job: they are complete, and there for those who came late."""
        points = self.details.additional_properties.get("convergence")
        if isinstance(points, Sequence):
            costs = [_number(point[-1]) for point in points if isinstance(point, Sequence) and point]
            self.costs = [cost for cost in costs if cost is not None] or self.costs


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
