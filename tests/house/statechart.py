"""The picture of a job's lifecycle: an SVG drawn from the table of transitions, in the colours of the page around it.

The places of the five statuses and of the lines between them are chosen here; which lines there are, and which events
move along them, the table says. A line without a place is an error: the picture never shows less than the table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import escape

from kyanite.core import lifecycle
from kyanite.core.events import Submitted
from kyanite.core.job import FINAL, Status

WIDTH, HEIGHT = 740, 410
BOX_WIDTH, BOX_HEIGHT, LINE_HEIGHT = 122, 44, 17
NAMES_IN_A_COLUMN = 5

# Centres of the boxes. Both ways to fail and to be cancelled leave the middle row, so that no two lines cross.
CENTRES = {
    Status.WAITING: (166, 205),
    Status.EXECUTING: (412, 205),
    Status.SUCCEEDED: (664, 205),
    Status.FAILED: (412, 45),
    Status.CANCELLED: (412, 365),
}

# The curve of each line as an SVG path, then where the names of its events begin, and how they stand there.
LINES = {
    (Status.WAITING, Status.EXECUTING): ("M227,205 H346", (286, 196), "middle"),
    (Status.WAITING, Status.FAILED): ("M190,182 C206,90 262,45 346,45", (228, 84), "end"),
    (Status.WAITING, Status.CANCELLED): ("M190,228 C206,320 262,365 346,365", (228, 338), "end"),
    (Status.WAITING, Status.WAITING): ("M138,228 C134,270 92,266 116,232", (20, 258), "start"),
    (Status.EXECUTING, Status.SUCCEEDED): ("M473,205 H598", (536, 196), "middle"),
    (Status.EXECUTING, Status.FAILED): ("M412,182 V72", (404, 132), "end"),
    (Status.EXECUTING, Status.CANCELLED): ("M412,228 V338", (404, 288), "end"),
    (Status.EXECUTING, Status.EXECUTING): ("M440,182 C440,138 490,138 465,178", (488, 104), "start"),
}
START = (26, 205)
HEAD = """<marker id="statechart-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
 orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker>"""


def moves() -> dict[tuple[Status, Status], list[str]]:
    """Return the events that lead from one status to another, in the order of the table; none from a final status."""
    found: defaultdict[tuple[Status, Status], list[str]] = defaultdict(list)
    for before, row in lifecycle.TRANSITIONS.items():
        for event, after in row.items():
            if after is not None and before not in FINAL:
                found[before, after].append(event.__name__)
    return dict(found)


def picture() -> str:
    """Return the diagram as an SVG element; raises `KeyError` for a status or a line that has no place in it."""
    drawn = moves()
    told = "; ".join(
        f"{before.value} to {after.value} by {', '.join(names)}" for (before, after), names in drawn.items()
    )
    parts = [
        f'<svg class="statechart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">',
        "<title>The lifecycle of a job</title>",
        f"<desc>{escape(told)}</desc>",
        f"<defs>{HEAD}</defs>",
        *_start(),
        *(part for line, names in drawn.items() for part in _line(line, names)),
        *(part for status in Status for part in _box(status)),
        "</svg>",
    ]
    return "\n".join(parts)


def _start() -> Iterator[str]:
    x, y = START
    yield f'<circle class="start" cx="{x}" cy="{y}" r="7"/>'
    yield f'<path class="line" d="M{x + 9},{y} H{CENTRES[Status.WAITING][0] - BOX_WIDTH // 2 - 4}"/>'
    yield f'<text x="{x + 10}" y="{y - 9}">{Submitted.__name__}</text>'


def _line(line: tuple[Status, Status], names: list[str]) -> Iterator[str]:
    path, (x, y), anchor = LINES[line]
    yield f'<path class="line" d="{path}"/>'
    in_a_row = 2 if len(names) > NAMES_IN_A_COLUMN else 1
    rows = [", ".join(names[i : i + in_a_row]) for i in range(0, len(names), in_a_row)]
    for number, row in enumerate(rows):
        yield f'<text x="{x}" y="{y + number * LINE_HEIGHT}" text-anchor="{anchor}">{row}</text>'


def _box(status: Status) -> Iterator[str]:
    x, y = CENTRES[status]
    left, top = x - BOX_WIDTH // 2, y - BOX_HEIGHT // 2
    kind = f"state {status.value.lower()}"
    yield f'<rect class="{kind}" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="9"/>'
    if status in FINAL:
        inner = f'x="{left + 4}" y="{top + 4}" width="{BOX_WIDTH - 8}" height="{BOX_HEIGHT - 8}" rx="6"'
        yield f'<rect class="{kind} inner" {inner}/>'
    yield f'<text class="name" x="{x}" y="{y + 5}" text-anchor="middle">{status.value}</text>'
