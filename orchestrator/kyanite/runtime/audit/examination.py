"""Whether a job's row is what its log says: pure, over one row and its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from kyanite.core.events import Amended, Event
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import InvalidTransition, apply

Kind: TypeAlias = Literal[
    "row-differs",  # folding the log gives another row
    "row-misfiled",  # listed under a status, target or provider that is not its own
    "row-missing",  # events of a job that has neither row nor tombstone
    "log-missing",  # a row without events
    "log-broken",  # a version is missing or out of place, or an event can not follow the one before
    "event-after-final",
    "times-decrease",
    "position-missing",
    "unreadable",
    "storage-damaged",  # beneath the rows: an index, or a page
    "blob-missing",
    "blob-differs",
]
VALUE_LENGTH_MAX = 60


class Breach(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that does not hold: of which kind, of which job if of one, where in the log if there, and what."""

    kind: Kind
    text: str
    workspace: str = ""
    job_id: str = ""
    position: int = 0


Fault: TypeAlias = tuple[Kind, str]


def examine(row: JobDetails, story: Sequence[Event]) -> Iterator[Fault]:
    """Yield what is wrong with a row and the whole of its log, both as they stood at one moment."""
    folded: JobDetails | None = None
    before = None
    for number, event in enumerate(story, 1):
        if event.version != number or event.job_id != row.id or event.workspace != row.workspace:
            yield "log-broken", f"version {number} is missing: there stands {_label(event)}"
            return
        if before is not None and event.time < before.time:
            yield "times-decrease", f"{_label(event)} is {(before.time - event.time).total_seconds():g} s too early"
        if folded is not None and folded.final and not isinstance(event, Amended):
            yield "event-after-final", f"{_label(event)} follows {type(before).__name__}"
        try:
            folded = apply(folded, event)
        except InvalidTransition as error:
            yield "log-broken", f"{_label(event)}: {error}"
            return
        before = event
    if folded is None:
        yield "log-missing", "the row has no events"
    elif folded != row:
        yield "row-differs", _difference(row, folded)


def _label(event: Event) -> str:
    return f"{type(event).__name__} (version {event.version} of job {event.job_id}, position {event.position})"


def _difference(row: JobDetails, folded: JobDetails) -> str:
    """Name the fields that differ, each with both values."""
    pairs = ((name, getattr(row, name), getattr(folded, name)) for name in JobDetails.__struct_fields__)
    return "; ".join(
        f"{name} is {_short(stored)}, by the log {_short(due)}" for name, stored, due in pairs if stored != due
    )


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= VALUE_LENGTH_MAX else text[: VALUE_LENGTH_MAX - 3] + "..."
