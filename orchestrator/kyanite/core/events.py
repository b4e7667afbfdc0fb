"""What happens to a job: past participles, one tagged union, and its codec.

Stored events only grow: a new field has a default, an unknown one is tolerated on reading, a new meaning is a new type.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Union, get_args

import msgspec
from msgspec import Struct

from kyanite.core.job import CostEstimate, ErrorData, JobDetails, Needs

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """One fact in a job's life. The journal fills in the address; whoever records an event leaves it blank.

    `version` counts the job's own events from 1; `position` is the event's place in the log of the whole store.
    """

    workspace: str = "default"
    job_id: str = ""
    version: int = 0
    time: datetime = EPOCH
    event_id: str = ""
    position: int = 0
    traceparent: str | None = None
    """The trace that brought it about, as the header of W3C Trace Context has it."""


class Submitted(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The job was accepted: its row as it was born."""

    details: JobDetails


class Inspected(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The provider looked at the input while the job waited, and found it good."""

    needs: Needs
    properties: dict[str, Any] = {}


class Began(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """A process began to execute the job."""

    attempt: int


class CancelRequested(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """Somebody wants the job cancelled; whether it still can be is not decided yet."""

    reason: str = ""


class Intended(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The provider is about to submit to a remote service, under this token."""

    token: str


class Checkpointed(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The provider can go on from here after a restart."""

    handle: Any


class RetryScheduled(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """An attempt failed in a way worth another one; the job holds no slot until then."""

    error: ErrorData
    not_before: datetime


class Resumed(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """A restart found the job executing with nobody driving it, and queued it again."""


class Suspended(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The process stopped in good order and let go of the job; this is no interruption."""


class Amended(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """Labels changed, or the priority of a waiting job. `None` leaves a field as it is."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    priority: int | None = None
    rank: float | None = None


class Succeeded(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The output is complete and readable, and the job has ended."""

    output_data_uri: str
    output_hash: str
    output_size: int
    output_data_format: str | None = None
    cost_estimate: CostEstimate | None = None
    properties: dict[str, Any] = {}


class Failed(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The job ended without a result. An output that was written before is kept as evidence."""

    error: ErrorData
    output_data_uri: str | None = None
    output_hash: str | None = None
    output_size: int | None = None
    cost_estimate: CostEstimate | None = None


class Cancelled(Event, gc=False, frozen=True, kw_only=True, tag=True):
    """The job ended because somebody asked for it. The best result so far, if any, is kept as evidence."""

    output_data_uri: str | None = None
    output_hash: str | None = None
    output_size: int | None = None
    cost_estimate: CostEstimate | None = None
    properties: dict[str, Any] = {}


class Progressed(Struct, gc=False, frozen=True, kw_only=True):
    """How far an executing job is. Ephemeral: rate-limited, never in the log, the newest replaces the one before.

    `fraction` is 0..1 where the provider knows it; `values` are the provider's own, such as sweep and best cost.
    """

    workspace: str
    job_id: str
    time: datetime
    fraction: float | None = None
    values: dict[str, Any] = {}


FINAL_EVENTS = (Succeeded, Failed, Cancelled)
AnyEvent = Union[  # noqa: UP007  # msgspec wants one name for the union
    Submitted,
    Inspected,
    Began,
    CancelRequested,
    Intended,
    Checkpointed,
    RetryScheduled,
    Resumed,
    Suspended,
    Amended,
    Succeeded,
    Failed,
    Cancelled,
]
EVENTS: tuple[type[Event], ...] = get_args(AnyEvent)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyEvent)
_details_decoder = msgspec.json.Decoder(JobDetails)


def encode_event(event: Event) -> bytes:
    """Return the event as the JSON text that the log keeps."""
    return _encoder.encode(event)


def decode_event(body: bytes | str, position: int) -> AnyEvent:
    """Read an event of the log back; its position is the log's to say, not the text's."""
    event: AnyEvent = msgspec.structs.replace(_decoder.decode(body), position=position)
    return event


def encode_details(details: JobDetails) -> bytes:
    """Return the row as JSON text."""
    return _encoder.encode(details)


def decode_details(body: bytes | str) -> JobDetails:
    """Read a row back."""
    return _details_decoder.decode(body)
