"""The timeline of a job, drawn: a row a phase or moment, from the top in the order of time, with its duration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from kyanite.plots.lettering import VERBATIM
from kyanite.plots.palette import BLUE, GREEN, ORANGE, PALE, PURPLE, QUIET, VERMILLION
from kyanite.plots.phases import MOMENTS, Kind, Row
from kyanite.plots.quantities import duration, time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.WAITING: {"color": PALE},
    Kind.EXECUTING: {"color": BLUE},
    Kind.PAUSE: {"facecolor": "none", "edgecolor": ORANGE, "hatch": "////"},
    Kind.INTERRUPTED: {"facecolor": "none", "edgecolor": VERMILLION, "hatch": "xxxx"},
    Kind.SUSPENDED: {"facecolor": "none", "edgecolor": QUIET, "hatch": "...."},
    Kind.FOLDED: {"facecolor": "none", "edgecolor": QUIET, "linestyle": "--"},
}
_ENDS: Final = {"succeeded": (GREEN, "o"), "failed": (VERMILLION, "X"), "cancelled": (PURPLE, "s")}
_ROOM: Final = 1.17
_LEAST_SHARE: Final = 0.003
_LEAST_SPAN_S: Final = 1e-3


def draw_timeline(axes: Axes, rows: Sequence[Row], submitted: datetime) -> None:
    """Draw the rows, of which there is at least one."""
    span_s = max(_LEAST_SPAN_S, *(row.end_s for row in rows))
    unit_s, unit = time_unit(span_s)
    reach = span_s / unit_s
    for place, row in enumerate(rows):
        _draw_row(axes, place, row, unit_s, _LEAST_SHARE * reach)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.01 * reach, _ROOM * reach)
    axes.set_xlabel(f"{unit} since the submit at {submitted:%Y-%m-%d %H:%M:%S} UTC")
    axes.grid(visible=True, axis="x", color=QUIET, alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)


def _draw_row(axes: Axes, place: int, row: Row, unit_s: float, least: float) -> None:
    start, end = row.start_s / unit_s, row.end_s / unit_s
    if row.kind in MOMENTS:
        color, marker = _ENDS.get(row.label, (QUIET, "D"))
        axes.plot([start], [place], marker, color=color, markersize=8 if row.kind is Kind.END else 6)
        text = f"at {duration(row.start_s)}"
    else:
        # A phase too short to be seen is drawn a little longer; the words tell how long it was.
        end = max(end, start + least)
        axes.barh(place, end - start, left=start, height=0.62, **_STYLES[row.kind])
        text = duration(row.end_s - row.start_s) + (" so far" if row.open else "")
    axes.annotate(text, (end, place), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9, **VERBATIM)
