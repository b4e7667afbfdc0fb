"""What a watcher sees of jobs at one moment: a line each, fitted to the terminal, in pieces with a style each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kyanite.cli.progress import JobProgress
from kyanite.cli.quantity import duration
from kyanite.cli.screen import cells, cut, plain
from kyanite.cli.sparkline import ASCII_BARS, BARS, sparkline

GAP = 2
NAME_LEAST, NAME_MOST = 12, 32
BAR_LEAST, BAR_MOST = 6, 30
SPARK_LEAST, SPARK_MOST = 8, 24
GROWING = (("spark", 16), ("bar", BAR_MOST), ("spark", SPARK_MOST))
"""What room there is goes to these, one after the other, up to so many cells; to a sparkline, no more than it fills."""
NARROWING = ("spark", "bar", "left", "best", "percent", "time")
"""What is left out where the terminal is too narrow for all, in this order."""

Line = list[tuple[str, str]]
"""Pieces of text, each with a style of the terminal library, empty for none."""


@dataclass(frozen=True)
class Letters:
    """What bars and marks are drawn with."""

    done: str = "━"
    open: str = "─"
    sparks: str = BARS
    succeeded: str = "✔"
    failed: str = "✘"
    cancelled: str = "■"


PLAIN = Letters("#", "-", ASCII_BARS, "+", "!", "-")
"""For terminals that know nothing but ASCII."""


class Moment(NamedTuple):
    """When a picture is taken: by the calendar, and by a clock that only grows, in seconds."""

    now: datetime
    now_s: float


def picture(
    jobs: Sequence[JobProgress], ended: int, moment: Moment, size: tuple[int, int], letters: Letters
) -> list[Line]:
    """Return lines for the jobs that have not ended, as many as fit into `size` (columns and rows)."""
    width, height = size
    single = len(jobs) + ended == 1
    room = max(height - 1 - (not single), 1)
    ordered = sorted(jobs, key=lambda job: job.order)
    lines = _table(ordered[:room], moment, width - 1, letters)
    return lines if single else [*lines, [(cut(_summary(ordered, room, ended, moment), width - 1), "dim")]]


def ending(job: JobProgress, moment: Moment, width: int, letters: Letters) -> Line:
    """Return the line that a job leaves behind."""
    row = job.details
    phase, colour = job.phase(moment.now)
    mark = {"Succeeded": letters.succeeded, "Failed": letters.failed}.get(row.status.value, letters.cancelled)
    parts = [(f"{mark} {_name(job)}", ""), (phase, colour), (duration(job.since(moment.now)), "")]
    if row.error_data is not None:
        parts.append((plain(f"{row.error_data.code}: {row.error_data.message}"), ""))
    elif job.best:
        parts += [(f"best {job.best}", ""), (sparkline(job.costs, SPARK_MOST, letters.sparks), colour)]
    line: Line = []
    left = width - 1
    for text, style in parts:
        if left > 1:
            line += [(cut(text, left), style), (" " * GAP, "")]
            left -= cells(text) + GAP
    return line[:-1]


def clock(seconds: float) -> str:
    """Return a duration in whole seconds, such as 0:07 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _summary(ordered: Sequence[JobProgress], room: int, ended: int, moment: Moment) -> str:
    hidden = Counter(job.phase(moment.now)[0].partition(" ")[0].rstrip(",") for job in ordered[room:])
    more = [f"not shown: {', '.join(f'{count} {word}' for word, count in sorted(hidden.items()))}"] if hidden else []
    return "; ".join([f"{ended} of {ended + len(ordered)} ended", *more])


def _table(jobs: Sequence[JobProgress], moment: Moment, width: int, letters: Letters) -> list[Line]:
    rows = [_columns(job, moment) for job in jobs]
    widths = _widths(rows, width)
    return [_line(job, row, widths, letters) for job, row in zip(jobs, rows, strict=True)]


def _columns(job: JobProgress, moment: Moment) -> dict[str, str]:
    """Return the texts of a line, from left to right; bars are drawn when their widths are known."""
    left_s = job.left_s(moment.now_s)
    known = job.fraction is not None
    return {
        "name": _name(job),
        "phase": job.phase(moment.now)[0],
        "bar": " " * BAR_LEAST if known else "",
        "percent": f"{int(100 * (job.fraction or 0.0)):3}%" if known else "",
        "best": f"best {job.best}" if job.best else "",
        "spark": " " * min(max(len(job.costs), SPARK_LEAST), SPARK_MOST) if len(job.costs) > 1 else "",
        "time": clock(job.since(moment.now)),
        "left": f"{clock(max(left_s, 1.0))} left" if left_s is not None else "",
    }


def _widths(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """Return how wide each column is that has anything to show and fits in."""
    names = rows[0] if rows else ()
    widths = {name: size for name in names if (size := max(cells(row[name]) for row in rows))}
    widths["name"] = min(widths.get("name", 0), NAME_MOST)
    filled = {"bar": BAR_MOST, "spark": widths.get("spark", 0)}
    if "spark" in widths:
        widths["spark"] = SPARK_LEAST

    def excess() -> int:
        return sum(widths.values()) + GAP * (len(widths) - 1) - width

    for name in NARROWING:
        if excess() > widths["name"] - NAME_LEAST:
            widths.pop(name, None)
    widths["name"] -= min(max(excess(), 0), max(widths["name"] - NAME_LEAST, 0))
    for name, most in GROWING:
        if name in widths:
            widths[name] += min(max(-excess(), 0), max(min(most, filled[name]) - widths[name], 0))
    if excess() > 0 and "phase" in widths:
        widths["phase"] = max(widths["phase"] - excess(), 1)
    return widths


def _line(job: JobProgress, row: dict[str, str], widths: dict[str, int], letters: Letters) -> Line:
    line: Line = []
    for name, size in widths.items():
        if line:
            line.append((" " * GAP, ""))
        line += _piece(job, name, row[name], size, letters)
    return line


def _piece(job: JobProgress, name: str, text: str, size: int, letters: Letters) -> Line:
    if name == "bar" and job.fraction is not None:
        done = round(size * job.fraction)
        return [(letters.done * done, "cyan"), (letters.open * (size - done), "dim")]
    if name == "spark":
        return [(sparkline(job.costs, size, letters.sparks).ljust(size), "green")]
    fitting = cut(text, size)
    space = " " * (size - cells(fitting))
    style = "dim" if name in {"time", "left"} else ""
    return [(space + fitting, style)] if name in {"percent", "time", "left"} else [(fitting + space, style)]


def _name(job: JobProgress) -> str:
    return plain(job.details.name) or job.details.id
