"""The lifecycle of a job, whole: which event may follow in which status, and what it changes.

A job starts `Waiting`, may become `Executing`, and ends in exactly one of `Succeeded`, `Failed` and `Cancelled`. Retry,
restart and the wish to cancel are events, not statuses. Three things always hold, and the tests hold them:

1. a final status absorbs every later event (labels may still be amended);
2. a status only moves forward: Waiting, then Executing, then a final one;
3. folding a job's events, from the first, gives its row.

`TRANSITIONS` is total: every pair of status and event has an entry, so that what is refused is refused on purpose.
`apply` is the only function in the program that makes a job's row from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast, get_args

from msgspec.structs import replace

from kyanite.core.events import (
    Amended,
    AnyEvent,
    Began,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Event,
    Failed,
    Inspected,
    Intended,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
    Suspended,
)
from kyanite.core.job import FINAL, JobDetails, Status

EventType = type[Event]

REFUSED: Final = None
"""The event makes no sense in this status: whoever recorded it is wrong."""

EVENTS: Final[tuple[EventType, ...]] = get_args(AnyEvent)

_WAITING, _EXECUTING = Status.WAITING, Status.EXECUTING

TRANSITIONS: Final[Mapping[Status, Mapping[EventType, Status | None]]] = {
    Status.WAITING: {
        Submitted: REFUSED,
        Inspected: _WAITING,
        Began: _EXECUTING,
        CancelRequested: _WAITING,
        Intended: REFUSED,
        Checkpointed: REFUSED,
        RetryScheduled: REFUSED,
        Resumed: REFUSED,
        Suspended: REFUSED,
        Amended: _WAITING,
        Succeeded: REFUSED,
        Failed: Status.FAILED,
        Cancelled: Status.CANCELLED,
    },
    Status.EXECUTING: {
        Submitted: REFUSED,
        Inspected: REFUSED,
        Began: _EXECUTING,
        CancelRequested: _EXECUTING,
        Intended: _EXECUTING,
        Checkpointed: _EXECUTING,
        RetryScheduled: _EXECUTING,
        Resumed: _EXECUTING,
        Suspended: _EXECUTING,
        Amended: _EXECUTING,
        Succeeded: Status.SUCCEEDED,
        Failed: Status.FAILED,
        Cancelled: Status.CANCELLED,
    },
    Status.SUCCEEDED: dict.fromkeys(EVENTS, Status.SUCCEEDED),
    Status.FAILED: dict.fromkeys(EVENTS, Status.FAILED),
    Status.CANCELLED: dict.fromkeys(EVENTS, Status.CANCELLED),
}


class InvalidTransition(Exception):  # the name the field uses
    """An event was recorded that the job's status does not allow."""

    def __init__(self, details: JobDetails | None, event: Event) -> None:
        """Say which job, where it stands, and what was tried."""
        self.details = details
        self.event = event
        stands = "does not exist" if details is None else f"is {details.status.value} (version {details.version})"
        job_id = event.job_id if details is None else details.id
        super().__init__(f"job {job_id} {stands}: {type(event).__name__} can not follow")


def apply(details: JobDetails | None, event: Event) -> JobDetails:
    """Return the row after the event; the very same object where a final status absorbs it.

    Raises `InvalidTransition` for an event that the table refuses, for a second `Began` while a process is driving
    the job, and for anything but `Submitted` as the first event.
    """
    if details is None:
        if not isinstance(event, Submitted):
            raise InvalidTransition(None, event)
        return replace(event.details, version=1, updated_time=event.time)
    status = TRANSITIONS[details.status][type(event)]
    if status is REFUSED or (details.driving and isinstance(event, Began)):
        raise InvalidTransition(details, event)
    if details.status in FINAL and not isinstance(event, Amended):
        return details
    changes = _CHANGES[type(event)](details, event)
    return replace(details, status=status, version=details.version + 1, updated_time=event.time, **changes)


def fold(events: Iterable[Event]) -> JobDetails:
    """Return the row that a job's whole log describes."""
    details: JobDetails | None = None
    for event in events:
        details = apply(details, event)
    if details is None:
        message = "a job has at least one event"
        raise ValueError(message)
    return details


Changes = dict[str, Any]


def _nothing(_details: JobDetails, _event: Event) -> Changes:
    return {}


def _inspected(details: JobDetails, event: Event) -> Changes:
    found = cast("Inspected", event)
    return {"inspected": True, "needs": found.needs, **_properties(details, found.properties)}


def _began(details: JobDetails, event: Event) -> Changes:
    return {
        "driving": True,
        "attempt": cast("Began", event).attempt,
        "not_before": None,
        "begin_execution_time": details.begin_execution_time or event.time,
    }


def _retry_scheduled(details: JobDetails, event: Event) -> Changes:
    not_before = cast("RetryScheduled", event).not_before
    return {"driving": False, "failures": details.failures + 1, "not_before": not_before}


def _resumed(details: JobDetails, _event: Event) -> Changes:
    return {"driving": False, "interruptions": details.interruptions + 1}


def _amended(details: JobDetails, event: Event) -> Changes:
    wanted = cast("Amended", event)
    names = ["name", "tags", "metadata"]
    if details.status is Status.WAITING:
        names += ["priority", "rank"]
    return {name: value for name in names if (value := getattr(wanted, name)) is not None}


def _ended(details: JobDetails, event: Event) -> Changes:
    ending = cast("Succeeded | Failed | Cancelled", event)
    changes: Changes = {"driving": False, "not_before": None}
    if details.status is Status.EXECUTING or not isinstance(ending, Cancelled):
        changes["end_execution_time"] = ending.time
    if ending.output_data_uri is not None:
        changes |= {name: getattr(ending, name) for name in ("output_data_uri", "output_hash", "output_size")}
    if ending.cost_estimate is not None:
        changes["cost_estimate"] = ending.cost_estimate
    return changes


def _succeeded(details: JobDetails, event: Event) -> Changes:
    ending = cast("Succeeded", event)
    changes = _ended(details, ending) | _properties(details, ending.properties)
    if ending.output_data_format is not None:
        changes["output_data_format"] = ending.output_data_format
    return changes


def _failed(details: JobDetails, event: Event) -> Changes:
    return _ended(details, event) | {"error_data": cast("Failed", event).error}


def _cancelled(details: JobDetails, event: Event) -> Changes:
    ending = cast("Cancelled", event)
    return _ended(details, ending) | _properties(details, ending.properties) | {"cancellation_time": ending.time}


def _properties(details: JobDetails, more: dict[str, Any]) -> Changes:
    return {"additional_properties": details.additional_properties | more} if more else {}


_CHANGES: Final[Mapping[EventType, Callable[[JobDetails, Event], Changes]]] = {
    Inspected: _inspected,
    Began: _began,
    CancelRequested: lambda _details, _event: {"cancel_requested": True},
    Intended: lambda _details, event: {"intent": cast("Intended", event).token},
    Checkpointed: lambda _details, event: {"handle": cast("Checkpointed", event).handle},
    RetryScheduled: _retry_scheduled,
    Resumed: _resumed,
    Suspended: lambda _details, _event: {"driving": False},
    Amended: _amended,
    Succeeded: _succeeded,
    Failed: _failed,
    Cancelled: _cancelled,
    Submitted: _nothing,
}


def diagram() -> str:
    """Return the table as a Mermaid state diagram; the lifecycle page of the documentation is made from it."""
    moves: dict[tuple[str, str], list[str]] = {("[*]", _WAITING.value): [Submitted.__name__]}
    for status, row in TRANSITIONS.items():
        if status in FINAL:
            continue
        for event, after in row.items():
            if after is not None:
                moves.setdefault((status.value, after.value), []).append(event.__name__)
    lines = [f"    {before} --> {after}: {', '.join(names)}" for (before, after), names in moves.items()]
    ends = [f"    {status.value} --> [*]" for status in TRANSITIONS if status in FINAL]
    return "\n".join(["stateDiagram-v2", *lines, *ends])
