"""What stands in the query of a request: typed, with nothing in it that is not known here."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from multidict import MultiMapping

from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.http.native.bodies import POSITION_MAX, checked, shown
from kyanite.http.native.paging import SIZE, SIZE_MAX

S = TypeVar("S", bound=Struct)

QUERY: web.RequestKey[Any] = web.RequestKey("query", Struct)
"""`request[QUERY]` is what its operation's type reads out of the query."""

Limit = Annotated[int, Meta(ge=1, le=SIZE_MAX)]
EventType = Literal[
    "Submitted",
    "Inspected",
    "Began",
    "CancelRequested",
    "Intended",
    "Checkpointed",
    "RetryScheduled",
    "Resumed",
    "Suspended",
    "Amended",
    "Succeeded",
    "Failed",
    "Cancelled",
    "Progressed",
]


class NoParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing."""


class JobFilters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs, as `Workspace.list_jobs` has it. Times are inclusive, and without a zone they are UTC."""

    status: tuple[Status, ...] = ()
    target: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    name_prefix: str = ""
    id_prefix: str = ""
    tag: str | None = None
    session_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


class JobListing(JobFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs, in which order, how many at once, and from where on.

    `after` is the sort key, as JSON, of a job to go on behind: see `kyanite.ports.sort_key`. A cursor goes before it.
    """

    order: Literal["creation_time", "name", "status", "target", "provider_id", "rank"] = "creation_time"
    descending: bool = False
    limit: Limit = SIZE
    cursor: str | None = None
    after: str | None = None


class JobCount(JobFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs, and by what they are counted."""

    by: Literal["status", "target", "provider_id", "name"] | None = None


class SessionListing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions, how many at once, and from where on; `after` as for jobs."""

    target: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    name_prefix: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    descending: bool = False
    limit: Limit = SIZE
    cursor: str | None = None
    after: str | None = None


class Paging(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many at once, and from where on."""

    limit: Limit = SIZE
    cursor: str | None = None


class AttemptListing(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which subscriber: by default of all, one after the other."""

    subscriber: Annotated[str, Meta(min_length=1, max_length=1_024)] | None = None


class LetterListing(AttemptListing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which subscriber, and whether dead letters or those that wait: by default both."""

    dead: bool | None = None


class EventFilters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events of a job, and behind which position: by default from the first on."""

    after: Annotated[int, Meta(ge=0, le=POSITION_MAX)] | None = None
    type: tuple[EventType, ...] = ()
    progress: bool = True


class LogFilters(EventFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events of the workspace, and behind which position: by default from the present on.

    `status` is the one that a job came into by the event; target and tag are as they stand when the event is sent.
    Without `follow`, the stream ends where the log ended when it began.
    """

    follow: bool = True
    job: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    target: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()


def read(query: MultiMapping[str], kind: type[S]) -> S:
    """Read a query. What may be several is repeated, or separated by commas. Raises `InvalidRequest`."""
    if not query:
        return kind()
    many = _many(kind)
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(query):
        given = query.getall(name)
        if name in many:
            fields[name] = [part for text in given for part in text.split(",")]
        elif len(given) > 1:
            raise InvalidRequest(shown(name), "is given more than once")
        else:
            fields[name] = _instant(name, given[0]) if name in _times(kind) else given[0]
    found: S = checked(lambda: msgspec.convert(fields, kind, strict=False), "query")
    for name in fields:
        if getattr(found, name) is None:  # as which msgspec takes the text `null`
            raise InvalidRequest(name, "is `null`; leave out what is not to be asked for")
    return found


def filters_of(listing: Struct) -> dict[str, Any]:
    """Return the filters of a listing as the workspace takes them, without what only says which page is meant."""
    return {
        name: value
        for name in listing.__struct_fields__
        if name not in {"limit", "cursor", "after", "by"} and (value := getattr(listing, name)) not in (None, ())
    }


@lru_cache
def _many(kind: type[Struct]) -> frozenset[str]:
    """Return the parameters that may be several."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.default == ())


@lru_cache
def _times(kind: type[Struct]) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.type == datetime | None)


def _instant(name: str, text: str) -> datetime:
    """Return a time in UTC; the edges of the calendar have none."""
    try:
        time = checked(lambda: msgspec.convert(text, datetime), name)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(name, f"is {text!r:.80}, which is no time in UTC") from None
