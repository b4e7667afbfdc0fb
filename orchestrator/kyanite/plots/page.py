"""The figure of one job: a header, convergence and solutions above, the timeline below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from matplotlib.figure import Figure

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.plots.convergence import draw_convergence
from kyanite.plots.lettering import VERBATIM, fitted, printable, width_pt
from kyanite.plots.palette import QUIET
from kyanite.plots.phases import Row, folded, rows_of
from kyanite.plots.readings import Convergence, convergence_of, costs_of
from kyanite.plots.solutions import draw_solutions
from kyanite.plots.timeline import draw_timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

# In inches.
_WIDTH: Final = 12.0
_MARGIN: Final = 0.15
_LINE: Final = 0.28
_TOP: Final = 3.7
_TOP_EMPTY: Final = 1.4
_TRACK: Final = 0.9
_ROW: Final = 0.25
# In points.
_ROOM_PT: Final = (_WIDTH - 2 * _MARGIN) * 72.0
_LARGE: Final = 14.0
_TITLE: Final = 11.0
_SIZE: Final = 10.0


class Page(Figure):
    """A figure that a notebook shows as a picture, whether or not pyplot was ever imported."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def page(details: JobDetails, story: Sequence[Event], results: Any, now: datetime | None) -> Page:
    """Return the figure; see `kyanite.plots.draw`."""
    rows = folded(rows_of(story, now))
    found, costs = convergence_of(details.additional_properties), costs_of(results)
    lines = _lines(details)
    top_height = _TOP if found or costs else _TOP_EMPTY
    heights = (_MARGIN + _LINE * len(lines), top_height, _TRACK + _ROW * max(len(rows), 2))
    figure = Page(figsize=(_WIDTH, sum(heights)))
    figure.set_layout_engine("constrained", w_pad=_MARGIN, h_pad=_MARGIN / 2)
    header, top, below = figure.subfigures(3, 1, squeeze=False, height_ratios=heights)[:, 0]
    left, right = top.subfigures(1, 2, squeeze=False, width_ratios=(2.4, 1.0))[0]
    _write_header(header, lines, heights[0])
    _convergence(left, found, details)
    _solutions(right.add_subplot(), costs, details, results)
    _timeline(below.add_subplot(), rows, details)
    return figure


def _lines(details: JobDetails) -> list[tuple[str, float, str]]:
    """Return text, size and weight of each line of the header: name; target, id and status; why the job failed."""
    rest = printable(f" · {details.id} · {details.status}")
    target = fitted(details.target, _ROOM_PT - width_pt(rest, _SIZE), _SIZE)
    name = details.name or "a job without a name"
    lines = [(fitted(name, _ROOM_PT, _LARGE, "bold"), _LARGE, "bold"), (f"{target} {rest}", _SIZE, "normal")]
    if error := details.error_data:
        lines.append((fitted(f"{error.code}: {error.message}", _ROOM_PT, _SIZE), _SIZE, "normal"))
    return lines


def _write_header(header: SubFigure, lines: Sequence[tuple[str, float, str]], height: float) -> None:
    for place, (text, size, weight) in enumerate(lines):
        x, y = _MARGIN / _WIDTH, 1 - (_MARGIN + place * _LINE) / height
        header.text(x, y, text, fontsize=size, fontweight=weight, va="top", **VERBATIM)


def _convergence(part: SubFigure, found: Convergence | None, details: JobDetails) -> None:
    over_time = part.add_subplot(1, 1 if found is None else 2, 1)
    over_time.set_title("Convergence", loc="left", fontsize=_TITLE)
    if found is None:
        _say_missing(over_time, _why_no_convergence(details))
    else:
        draw_convergence(over_time, part.add_subplot(1, 2, 2, sharey=over_time), found)


def _why_no_convergence(details: JobDetails) -> str:
    if details.begin_execution_time is None:
        return "The job has not executed." if details.final else "The job has not executed yet."
    if not details.final:
        return "How the search converged is recorded when the job ends."
    return "The target has not recorded how its search converged."


def _solutions(axes: Axes, costs: Sequence[float], details: JobDetails, results: Any) -> None:
    axes.set_title(f"Solutions: {len(costs):,}" if costs else "Solutions", loc="left", fontsize=_TITLE)
    if costs:
        draw_solutions(axes, costs)
    else:
        _say_missing(axes, _why_no_solutions(details, results))


def _why_no_solutions(details: JobDetails, results: Any) -> str:
    if details.output_data_uri is None:
        return "The job has no output." if details.final else "The job has no output yet."
    if results is None:
        return "The output could not be read."
    return "The output holds no solutions with a cost."


def _timeline(axes: Axes, rows: Sequence[Row], details: JobDetails) -> None:
    axes.set_title("Timeline", loc="left", fontsize=_TITLE)
    if rows:
        draw_timeline(axes, rows, details.creation_time)
    else:
        _say_missing(axes, "The job has no events.")


def _say_missing(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=QUIET, alpha=0.4)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=QUIET, wrap=True)
