"""The costs of a job's solutions: one bar for each cost while they are few, else a histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import MaxNLocator

from kyanite.plots.palette import BEST, CURVE
from kyanite.plots.quantities import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BARS_MAX: Final = 10
_BINS_MIN: Final = 8
_BINS_MAX: Final = 30
_NOISE: Final = 1e-12
_WHOLE_MAX: Final = 2.0**53


def draw_solutions(axes: Axes, costs: Sequence[float]) -> None:
    """Draw how many solutions have which cost; the costs, float[k] with k > 0, are in rising order."""
    counts = counted(costs)
    if len(counts) <= _BARS_MAX:
        _bars(axes, counts)
    else:
        _histogram(axes, costs)
    axes.set_xlabel("number of solutions")
    axes.set_ylabel("cost")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def counted(costs: Sequence[float]) -> dict[float, int]:
    """Count equal costs; those that differ in their last digits only, by the order of a sum, are equal."""
    noise = 0.0 if _whole(costs) else _NOISE * max(abs(costs[0]), abs(costs[-1]))
    counts: dict[float, int] = {}
    cost = -math.inf
    for each in costs:
        if each - cost > noise:
            cost = each
        counts[cost] = counts.get(cost, 0) + 1
    return counts


def edges(costs: Sequence[float]) -> list[float]:
    """Return the edges of the bins; whole costs are never cut unevenly, whatever the step between them."""
    low, high = costs[0], costs[-1]
    if _whole(costs):
        step = math.gcd(*(int(cost - low) for cost in costs))
        steps = int(high - low) // step + 1
        together = math.ceil(steps / _BINS_MAX)
        width = step * together
        return [low - step / 2 + width * place for place in range(math.ceil(steps / together) + 1)]
    count = min(_BINS_MAX, max(_BINS_MIN, math.isqrt(len(costs))))
    return [low + (high - low) / count * place for place in range(count)] + [high]


def _whole(costs: Sequence[float]) -> bool:
    return max(abs(costs[0]), abs(costs[-1])) < _WHOLE_MAX and all(cost.is_integer() for cost in costs)


def _bars(axes: Axes, counts: Mapping[float, int]) -> None:
    """Draw a bar a cost, the lowest at the bottom, at equal distances: only the label tells how far apart they are."""
    places = range(len(counts))
    bars = axes.barh(places, list(counts.values()), height=0.6, color=[BEST, *[CURVE] * (len(counts) - 1)])
    axes.bar_label(bars, padding=3, fontsize=9)
    axes.set_yticks(places, labels(list(counts)))
    middle, reach = (len(counts) - 1) / 2, max(len(counts), 3) / 2
    axes.set_ylim(middle - reach, middle + reach)
    axes.set_xlim(0, max(counts.values()) * 1.2)


def _histogram(axes: Axes, costs: Sequence[float]) -> None:
    """Draw bins, and a line at the lowest cost."""
    axes.hist(
        costs, bins=edges(costs), orientation="horizontal", color=CURVE, edgecolor=axes.get_facecolor(), linewidth=0.5
    )
    axes.axhline(costs[0], color=BEST, linewidth=1.2)
    axes.margins(x=0.18)
    words: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
    axes.text(0.98, costs[0], "best", color=BEST, fontsize=9, **words)


def labels(costs: Sequence[float]) -> list[str]:
    """Return each of these different costs in as few digits as tell them apart, eight at least."""
    for digits in range(8, 17):
        texts = [number(cost, digits) for cost in costs]
        if len(set(texts)) == len(costs):
            return texts
    return [number(cost, 17) for cost in costs]
