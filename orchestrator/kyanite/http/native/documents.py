"""What clients are answered, as JSON: the model's records with all their fields, pages of them, and a few more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from kyanite.core.events import AnyEvent
from kyanite.core.job import JobDetails, Target
from kyanite.core.letters import Attempt, Letter, Standing
from kyanite.core.session import SessionDetails
from kyanite.ports import Blob

_encoder = msgspec.json.Encoder()


def _whole(kind: type[Struct], name: str, doc: str) -> type[Struct]:
    """Return a record with the fields of this one, of which none is left out when it is written."""
    fields = [(field.name, field.type) for field in msgspec.structs.fields(kind)]
    return msgspec.defstruct(name, fields, namespace={"__doc__": doc}, module=__name__, frozen=True, gc=False)


def _writer(kind: type[Struct], whole: type[Struct]) -> Callable[[Any], Struct]:
    values = attrgetter(*kind.__struct_fields__)
    return lambda record: whole(*values(record))


def list_of(item: Any, name: str) -> type[Struct]:
    """Return what a page of a listing of such items is."""
    fields = [("items", list[item]), ("next", str | None)]
    doc = "A page of a listing; `next` is the cursor of the one behind it, or `null` if this is the last."
    return msgspec.defstruct(name, fields, namespace={"__doc__": doc}, module=__name__, frozen=True)


Job = _whole(JobDetails, "Job", "A job as it stands; what does not apply is `null`. `version` counts its events.")
Session = _whole(SessionDetails, "Session", "A session and how it stands, which follows from its jobs.")
TargetRecord = _whole(Target, "Target", "A place where jobs run: how many at once, and what each needs by itself.")
LetterRecord = _whole(
    Letter,
    "Letter",
    "An event that a subscriber has not taken: offered again at `due_time`, or a dead letter if that is `null`.",
)
AttemptRecord = _whole(Attempt, "Attempt", "One time that an event was offered to a subscriber, and what came of it.")

job = _writer(JobDetails, Job)
session = _writer(SessionDetails, Session)
target = _writer(Target, TargetRecord)
letter = _writer(Letter, LetterRecord)
attempt = _writer(Attempt, AttemptRecord)

JobList = list_of(Job, "JobList")
SessionList = list_of(Session, "SessionList")
TargetList = list_of(TargetRecord, "TargetList")
BlobList = list_of(Blob, "BlobList")
SubscriberList = list_of(Standing, "SubscriberList")
LetterList = list_of(LetterRecord, "LetterList")
AttemptList = list_of(AttemptRecord, "AttemptList")
Story = list_of(AnyEvent, "Story")


class Root(Struct, frozen=True, kw_only=True):
    """What serves here, which workspace that is to this client, and what the client may do in it."""

    version: str
    workspace: str
    scopes: list[str]
    time: datetime


class Count(Struct, frozen=True, kw_only=True):
    """How many jobs there are: altogether, or for each value of what they were asked to be counted by."""

    count: int | UnsetType = UNSET
    counts: dict[str, int] | UnsetType = UNSET


class Replayed(Struct, frozen=True):
    """How many events are offered anew."""

    letters: int


class Uri(Struct, frozen=True):
    """Where a blob lies, as `input_data_uri` names it."""

    uri: str


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was refused, after RFC 9457. `code` is for programs: the name of the error."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | UnsetType = UNSET


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a document as the answer to a request."""
    return web.Response(status=status, body=_encoder.encode(document), content_type="application/json", headers=headers)
