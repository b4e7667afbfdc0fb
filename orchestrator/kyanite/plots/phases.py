"""A job's story as the rows of its timeline: phases with a beginning and an end, and moments. No drawing here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from kyanite.core.events import (
    FINAL_EVENTS,
    Began,
    CancelRequested,
    Event,
    Inspected,
    Resumed,
    RetryScheduled,
    Submitted,
    Suspended,
)

ROWS_MAX: Final = 14
_FIRST_ROWS: Final = 5


class Kind(Enum):
    """What a row shows."""

    WAITING = auto()
    EXECUTING = auto()
    PAUSE = auto()
    INTERRUPTED = auto()
    SUSPENDED = auto()
    FOLDED = auto()
    MOMENT = auto()
    END = auto()


MOMENTS: Final = (Kind.MOMENT, Kind.END)

_SHOWN: Final[dict[type[Event], tuple[Kind, str]]] = {
    Submitted: (Kind.WAITING, "waiting"),
    Inspected: (Kind.MOMENT, "inspected"),
    RetryScheduled: (Kind.PAUSE, "retry pause"),
    Resumed: (Kind.INTERRUPTED, "interrupted"),
    Suspended: (Kind.SUSPENDED, "process stopped"),
    CancelRequested: (Kind.MOMENT, "cancel requested"),
}


class Row(Struct, frozen=True):
    """A phase or a moment, in seconds since the job's first event. `open`: the phase has not ended yet."""

    kind: Kind
    label: str
    start_s: float
    end_s: float
    open: bool = False


def rows_of(story: Sequence[Event], now: datetime | None = None) -> list[Row]:
    """Return phases and moments in the order in which they began; nothing for an empty story.

    Phases follow each other without a gap. The last one of a job that has not ended is open until `now`, or until the
    last event.
    """
    rows: list[Row] = []
    phase = -1
    for event in story:
        time_s = (event.time - story[0].time).total_seconds()
        ends = isinstance(event, FINAL_EVENTS)
        kind, label = (Kind.END, type(event).__name__.lower()) if ends else _shown(event)
        if kind is None:
            continue
        if kind is not Kind.MOMENT and phase >= 0:
            rows[phase] = replace(rows[phase], end_s=time_s)
        phase = phase if kind is Kind.MOMENT else len(rows)
        rows.append(Row(kind, label, time_s, time_s))
        if ends:
            return rows
    if phase >= 0:
        last_s = ((now or story[-1].time) - story[0].time).total_seconds()
        rows[phase] = replace(rows[phase], end_s=max(last_s, rows[-1].start_s), open=True)
    return rows


def _shown(event: Event) -> tuple[Kind | None, str]:
    if isinstance(event, Began):
        return Kind.EXECUTING, f"execution {event.attempt}"
    return _SHOWN.get(type(event), (None, ""))


def folded(rows: Sequence[Row], most: int = ROWS_MAX) -> list[Row]:
    """Return at most `most` rows: the first and the last ones, and what lies between as one."""
    if len(rows) <= most:
        return list(rows)
    last = most - _FIRST_ROWS - 1
    middle = rows[_FIRST_ROWS:-last]
    one = Row(Kind.FOLDED, f"{len(middle)} more steps", middle[0].start_s, max(row.end_s for row in middle))
    return [*rows[:_FIRST_ROWS], one, *rows[-last:]]
