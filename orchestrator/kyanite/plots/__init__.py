"""Pictures of a job: how its search converged, what its solutions cost, and where its time went.

matplotlib, the extra `[plot]`, is imported at the first picture. Figures are made without pyplot: they need no display
and no closing, and may be drawn in any thread.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.errors import CallerError, InvalidRequest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "check", "draw", "write"]

SUFFIXES: Final = (".png", ".svg", ".pdf")
_DOTS_PER_INCH: Final = 150
_DRAWING: Final = Lock()
"""matplotlib draws in any thread, but not in two at once: its parser of formulas is one for all."""


def check(path: str | Path | None = None) -> None:
    """See that a picture could be drawn and written to `path`, before any work is done for it.

    Raises `CallerError` without matplotlib, and `InvalidRequest` for a suffix other than those of `SUFFIXES`.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise CallerError('plots need matplotlib; install it with pip install "kyanite[plot]"')
    if path is not None and Path(path).suffix.lower() not in SUFFIXES:
        raise InvalidRequest("path", f"is {str(path)!r}; a picture ends in one of {', '.join(SUFFIXES)}")


def draw(details: JobDetails, story: Sequence[Event], results: Any = None, *, now: datetime | None = None) -> Figure:
    """Return a figure of the job: convergence over seconds and sweeps, costs of the solutions, timeline.

    `results` are the output as `Job.read_results` returns it, or `None` if there is none or it can not be read. `now`
    (aware) is where the timeline of a job that has not ended stops; unless given, at the last event. What the job does
    not have is said in the figure. Raises `CallerError` without matplotlib.
    """
    check()
    with _DRAWING:
        from kyanite.plots.page import page

        return page(details, story, results, now)


def write(figure: Figure, path: str | Path) -> Path:
    """Write the figure to a file, whose suffix says how: png, svg or pdf. Raises `InvalidRequest`, `OSError`."""
    check(path)
    path = Path(path)
    with _DRAWING:
        figure.savefig(path, format=path.suffix[1:].lower(), dpi=_DOTS_PER_INCH)
    return path
