"""What there is to draw, read from a job's row and its results, whoever wrote them. No drawing here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

_LARGEST: Final = 1e300
"""Beyond it, the distance of two numbers can be infinite, and no axis reaches from one to the other."""


class Convergence(Struct, frozen=True):
    """Improvements as (seconds, sweeps, best cost), and how long the whole search was, where that is known."""

    points: list[tuple[float, float, float]]
    search_s: float | None = None
    sweeps: float | None = None


def convergence_of(properties: Mapping[str, Any]) -> Convergence | None:
    """Read a job's additional properties; `None` if they hold no convergence, or something else under its name."""
    given = properties.get("convergence")
    points = [point for entry in given if (point := _point(entry))] if isinstance(given, Sequence) else []
    if not points:
        return None
    return Convergence(points, _number(properties.get("search_s")), _number(properties.get("sweeps")))


def costs_of(results: Any) -> list[float]:
    """Return the costs of the solutions of `microsoft.qio-results.v2`, lowest first; none of anything else."""
    solutions = results.get("solutions") if isinstance(results, Mapping) else None
    if not isinstance(solutions, Sequence):
        return []
    costs = (_number(solution.get("cost")) for solution in solutions if isinstance(solution, Mapping))
    return sorted(cost for cost in costs if cost is not None)


def _point(entry: Any) -> tuple[float, float, float] | None:
    if not isinstance(entry, Sequence) or len(entry) != 3:
        return None
    seconds, sweeps, cost = (_number(value) for value in entry)
    return None if seconds is None or sweeps is None or cost is None else (seconds, sweeps, cost)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        return None
    return float(value)
