"""A job's events told as lines that a person can read, for terminals and for exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kyanite.core.events import (
    Amended,
    Began,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Event,
    Failed,
    Inspected,
    Intended,
    RetryScheduled,
    Submitted,
    Succeeded,
)


class Story(tuple[Event, ...]):
    """A job's events in order; printed, one line an event with its time and the seconds since the submit."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return one line an event."""
        return "\n".join(tell(self))


def tell(events: Sequence[Event]) -> list[str]:
    """Return one line an event: wall time in UTC, seconds since the first event, what happened."""
    if not events:
        return []
    start = events[0].time
    return [
        f"{clock_time(event.time)} {(event.time - start).total_seconds():+10.3f} s  {happening(event)}"
        for event in events
    ]


def clock_time(time: datetime) -> str:
    """Return a time in UTC, to the millisecond."""
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d}Z"


def happening(event: Event) -> str:
    """Return what happened: the event's type, and what it says."""
    text = _particulars(event)
    return f"{type(event).__name__}: {text}" if text else type(event).__name__


def _particulars(event: Event) -> str:  # noqa: C901, PLR0911  # one line an event type reads best as a table
    match event:
        case Submitted(details=details):
            return f"{details.name!r} to {details.target}, input of {details.input_size:,} bytes"
        case Inspected(needs=needs):
            return f"needs {needs.cores:g} cores, {needs.memory_bytes:,} bytes, {needs.gpus} GPUs"
        case Began(attempt=attempt):
            return f"execution {attempt}"
        case CancelRequested(reason=reason):
            return reason
        case Intended(token=token):
            return f"about to submit under {token}"
        case Checkpointed():
            return "can go on from here"
        case RetryScheduled(error=error, not_before=not_before):
            return f"{error.code}: {error.message}; again at {not_before:%H:%M:%S}Z"
        case Failed(error=error):
            return f"{error.code}: {error.message}"
        case Succeeded(output_data_uri=uri, output_size=size):
            return f"{size:,} bytes at {uri}"
        case Cancelled(output_data_uri=uri):
            return f"best so far kept at {uri}" if uri else ""
        case Amended():
            names = ("name", "tags", "metadata", "priority")
            return ", ".join(name for name in names if getattr(event, name) is not None)
        case _:
            return ""
