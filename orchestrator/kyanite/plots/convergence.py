"""The convergence of a search: its best cost over time and over sweeps, as steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from matplotlib.ticker import MaxNLocator

from kyanite.plots.lettering import VERBATIM
from kyanite.plots.palette import BEST, CURVE, QUIET
from kyanite.plots.quantities import duration, number, time_unit
from kyanite.plots.readings import Convergence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG_RATIO: Final = 100.0
_LEAST_S: Final = 1e-4
_LEAST_SWEEPS: Final = 1.0
"""Where a logarithmic axis shows what happened before: in the first tenth of a millisecond, in the first sweep."""


def draw_convergence(over_time: Axes, over_sweeps: Axes, found: Convergence) -> None:
    """Draw both curves; they share the axis of the cost."""
    seconds, sweeps, costs = (list(column) for column in zip(*found.points, strict=True))
    search_s = max(found.search_s or 0.0, seconds[-1])
    sweeps_done = max(found.sweeps or 0.0, sweeps[-1])
    logarithmic = _logarithmic((seconds[0], search_s, _LEAST_S), (sweeps[0], sweeps_done, _LEAST_SWEEPS))
    unit_s, unit = (1.0, "seconds") if logarithmic else time_unit(search_s)
    least_s, least_sweeps = (_LEAST_S, _LEAST_SWEEPS) if logarithmic else (0.0, 0.0)
    _steps(over_time, [max(time_s, least_s) / unit_s for time_s in seconds], costs, search_s / unit_s)
    _steps(over_sweeps, [max(done, least_sweeps) for done in sweeps], costs, sweeps_done)
    for axes, label in ((over_time, f"{unit} of search"), (over_sweeps, "sweeps")):
        axes.set_xlabel(f"{label} (logarithmic)" if logarithmic else label)
        if logarithmic:
            axes.set_xscale("log")
    _cost_axis(over_time, costs)
    over_time.set_ylabel("best cost")
    over_sweeps.tick_params(labelleft=False)
    best = f"best {number(costs[-1])}"
    _say(over_time, f"{best}\nafter {duration(seconds[-1])}")
    _say(over_sweeps, f"{best}\nafter {sweeps[-1]:,.0f} sweep{'s' * (sweeps[-1] != 1)}")


def _logarithmic(*ranges: tuple[float, float, float]) -> bool:
    """Tell whether a range, (first, last, least), is so wide that its beginning would be lost on a linear axis."""
    return all(last > 0 for _, last, _ in ranges) and any(
        last / max(first, least) >= _LOG_RATIO for first, last, least in ranges
    )


def _steps(axes: Axes, at: Sequence[float], costs: Sequence[float], end: float) -> None:
    """Draw costs that hold from one improvement to the next, and the last to the end of the search."""
    axes.step([*at, end], [*costs, costs[-1]], where="post", color=CURVE, linewidth=1.6)
    axes.plot(at[:-1], costs[:-1], ".", color=CURVE, markersize=4)
    axes.plot(at[-1:], costs[-1:], "o", color=BEST, markersize=7, zorder=3)
    axes.grid(visible=True, color=QUIET, alpha=0.3, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if end <= 0:
        axes.set_xlim(-0.03, 1.05)


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    """Leave room above the curve for the words; a flat curve lies in the middle and has one tick."""
    low, high = min(costs), max(costs)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        pad = abs(low) / 10 or 1.0
        axes.set_ylim(low - pad, low + pad)
        axes.set_yticks([low], [number(low)])
        return
    axes.set_ylim(low - 0.08 * (high - low), high + 0.35 * (high - low))


def _say(axes: Axes, text: str) -> None:
    behind: dict[str, Any] = {"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 1.5}
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "right", "va": "top"}
    axes.text(0.97, 0.96, text, fontsize=9, color=BEST, bbox=behind, **place, **VERBATIM)
