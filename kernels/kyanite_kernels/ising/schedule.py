"""Schedules over a range: what a parameter is at each point of a run."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.terms import Float64s
from kyanite_kernels.jit import part

LINEAR: Final = "linear"
GEOMETRIC: Final = "geometric"


class RangeSchedule(NamedTuple):
    """From `initial` to `final`, both met, in equal steps (`type="linear"`) or equal ratios (`"geometric"`)."""

    type: str
    initial: float
    final: float

    def values(self, count: int) -> Float64s:
        """Return the schedule at `count` points, float64[count]; a single point is `final`.

        Raises ValueError for another type, ends that are not finite, or ratios that no geometric range has.
        """
        self.check()
        if count < 2:
            return np.full(count, self.final, dtype=np.float64)
        span = np.geomspace if self.type == GEOMETRIC else np.linspace
        return span(self.initial, self.final, count)

    def check(self) -> None:
        """Raise ValueError where this is no schedule."""
        if self.type not in {LINEAR, GEOMETRIC}:
            msg = f"a schedule is {LINEAR!r} or {GEOMETRIC!r}, not {self.type!r}"
            raise ValueError(msg)
        if not (math.isfinite(self.initial) and math.isfinite(self.final)):
            msg = f"a schedule has finite ends, not {self.initial} and {self.final}"
            raise ValueError(msg)
        if self.type == GEOMETRIC and not (self.initial > 0 and self.final > 0):
            msg = f"a geometric schedule lies above 0, unlike {self.initial} to {self.final}"
            raise ValueError(msg)

    def parameter(self) -> dict[str, float | str]:
        """Return the schedule as the services' documents write it."""
        return {"type": self.type, "initial": self.initial, "final": self.final}

    def course(self, count: int) -> Course:
        """Return the schedule over `count` points as kernels want it."""
        return Course(self.type == GEOMETRIC, float(self.initial), float(self.final), count)


class Course(NamedTuple):
    """A `RangeSchedule` over some points: a kernel computes its values, which a long run need not store."""

    geometric: bool
    initial: float
    final: float
    points: int


@part
def value_at(course: Course, number: int) -> float:
    """Return the value at point `number`, counted from 0."""
    if number >= course.points - 1:
        return course.final
    share = number / (course.points - 1)
    if not course.geometric:
        return course.initial + (course.final - course.initial) * share
    if number == 0:
        return course.initial
    # By logarithms, because the ratio of the ends may overflow.
    return math.exp(math.log(course.initial) * (1.0 - share) + math.log(course.final) * share)
