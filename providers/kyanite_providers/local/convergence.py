"""How a search converged, as a job's row keeps it: few points, the shape of the whole curve, and an exact end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

POINTS_MAX: Final = 64
Point: TypeAlias = tuple[float, int, float]
"""Seconds of search, sweeps done by then, and the best cost so far."""

_NOISE: Final = 1e-10
_SECONDS_DECIMALS: Final = 4
_COST_DIGITS: Final = 5


def convergence(trace: Sequence[Point], end: Point) -> list[Point]:
    """Return the improvements of a search for its job's row: at most `POINTS_MAX`, each lower than the one before.

    `trace` holds the kernel's improvements with running costs; `end` is when and after how many sweeps the search
    ended, and the exact best cost. That cost is the last point's, at the time it was found. Seconds are rounded to
    1e-4, the costs before the last to 1e-5 of their range. An infinite best cost makes no curve.
    """
    best = end[2]
    if not math.isfinite(best):
        return []
    points = thinned(exact([point for point in trace if math.isfinite(point[2])], end), POINTS_MAX)
    reach = points[0][2] - best
    decimals = _COST_DIGITS - math.floor(math.log10(reach)) if 0 < reach < math.inf else 0
    kept: list[Point] = []
    for seconds, sweeps, cost in points[:-1]:
        rounded = round(cost, decimals)
        if best < rounded < (kept[-1][2] if kept else math.inf):
            kept.append((round(seconds, _SECONDS_DECIMALS), sweeps, rounded))
    seconds, sweeps, _ = points[-1]
    return [*kept, (round(seconds, _SECONDS_DECIMALS), sweeps, best)]


def exact(trace: Sequence[Point], end: Point) -> list[Point]:
    """Return the trace up to the point that found the best, with the exact cost there.

    Unless all are whole, a running cost differs from the exact one in its last digits, and the trace may seem to
    improve further. What the kernel found after its last report, as when it settles into a minimum, is a point of its
    own, at the end.
    """
    best = end[2]
    costs = [best, *(cost for *_, cost in trace)]
    noise = 0.0 if all(cost.is_integer() for cost in costs) else _NOISE * max(map(abs, costs))
    kept: list[Point] = []
    for seconds, sweeps, cost in trace:
        if cost <= best + noise:
            return [*kept, (seconds, sweeps, best)]
        kept.append((seconds, sweeps, cost))
    return [*kept, end]


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` of the points (at least 2), the first and the last among them, and the shape of the curve.

    They lie about evenly along the curve, whose length adds up, in equal parts, how far cost, time and number of points
    have moved: no step of the cost and no pause longer than 3 / (most - 1) of the whole is lost.
    """
    if len(points) <= most:
        return list(points)
    (first_s, _, first), (last_s, _, last) = points[0], points[-1]
    # Costs are halved because the difference of two finite ones can be infinite.
    span_s, half_reach = last_s - first_s or 1.0, first / 2 - last / 2 or 1.0
    steps = (
        1 / (len(points) - 1) + (after[0] - before[0]) / span_s + (before[2] / 2 - after[2] / 2) / half_reach
        for before, after in pairwise(points[:-1])
    )
    lengths = list(accumulate(steps, initial=0.0))
    cells = [int(length / 3 * (most - 1)) for length in lengths]
    kept = [point for point, cell, before in zip(points, cells, [-1, *cells], strict=False) if cell > before]
    return [*kept, points[-1]]
