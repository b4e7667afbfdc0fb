"""What clients send as JSON: typed, with nothing in it that is not known here, and nested no deeper than readers go."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from kyanite.config.settings import FINAL_TYPES, EventType
from kyanite.errors import InvalidRequest
from kyanite.outlets.webhooks.definition import Labels, NamePrefix, Payload, Url

T = TypeVar("T")
DEPTH_MAX = 100
SHOWN_MAX = 200
POSITION_MAX = (1 << 63) - 1

BODY: web.RequestKey[Any] = web.RequestKey("body", Struct)
"""`request[BODY]` is what its operation's type reads out of the body."""

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*?)`(?: - at `\$\.?(?P<within>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>.*?)`(?: - at `\$\.?(?P<within>.*)`)?", re.DOTALL)
_WHERE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<field>.*)`", re.DOTALL)
# All but what tells how deep a text is nested; both kinds of brackets count alike.
_NOT_NESTING = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


class JobBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to be submitted.

    Its input is `input`, any JSON (a string is taken as text), or `input_bytes`, in base64, of the media type
    `input_type`, or a blob that `input_data_uri` names. Without any of these it is what was uploaded before to
    `/v1/jobs/{job_id}/input`. A field that is `null` is as good as absent.
    """

    target: str
    input: Raw | UnsetType = UNSET
    input_bytes: bytes | None = None
    input_type: str | None = None
    input_data_uri: str | None = None
    input_data_format: str | None = None
    output_data_format: str | None = None
    input_params: Any = None
    name: str | None = None
    job_id: str | None = None
    priority: int | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    timeout_s: float | None = None
    attempts_max: int | None = None
    provider_id: str | None = None
    session_id: str | None = None


class JobChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other labels of a job, or another priority while it waits.

    A field that is sent replaces what was there; `null` makes it what it would be had it never been sent.
    """

    name: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    priority: int | UnsetType | None = UNSET


class Cancellation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a job is to be cancelled; the job's story tells it."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class SessionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session to be opened, for jobs on any target of one provider: the target's, or the one called `provider_id`."""

    session_id: str | None = None
    target: str | None = None
    name: str | None = None
    provider_id: str | None = None
    job_failure_policy: Literal["Abort", "Continue"] = "Abort"
    priority: int = 0
    tags: list[str] = []


class Position(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a named subscriber has read: the position of the last event it is done with."""

    position: Annotated[int, Meta(ge=0, le=POSITION_MAX)]


Time = Annotated[datetime, Meta(tz=True)]


class LetterBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event that a subscriber did not take: to be offered again at `due_time`, or without that a dead letter."""

    subscriber: str = ""
    """The daemon's to say."""
    position: Annotated[int, Meta(ge=1, le=POSITION_MAX)]
    workspace: str = ""
    """The daemon's to say."""
    job_id: Annotated[str, Meta(min_length=1, max_length=128)]
    version: Annotated[int, Meta(ge=1, le=POSITION_MAX)]
    attempts: Annotated[int, Meta(ge=0, le=POSITION_MAX)]
    first_time: Time
    due_time: Time | None = None
    error: Annotated[str, Meta(max_length=1_000)] = ""


class AttemptBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One time that an event was offered to a subscriber."""

    subscriber: str = ""
    position: Annotated[int, Meta(ge=1, le=POSITION_MAX)]
    workspace: str = ""
    job_id: Annotated[str, Meta(min_length=1, max_length=128)]
    version: Annotated[int, Meta(ge=1, le=POSITION_MAX)]
    number: Annotated[int, Meta(ge=1, le=POSITION_MAX)]
    time: Time
    latency_s: Annotated[float, Meta(ge=0)]
    taken: bool
    status: int | None = None
    error: Annotated[str, Meta(max_length=1_000)] = ""
    excerpt: Annotated[str, Meta(max_length=1_000)] = ""


class SubscriberProgress(Position, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a named subscriber has read, and what it did not take on the way.

    Each letter stands in place of the one of its position; positions in `taken` have none any more.
    """

    letters: Annotated[tuple[LetterBody, ...], Meta(max_length=1_000)] = ()
    taken: Annotated[tuple[Annotated[int, Meta(ge=1, le=POSITION_MAX)], ...], Meta(max_length=10_000)] = ()
    attempts: Annotated[tuple[AttemptBody, ...], Meta(max_length=1_000)] = ()


EventTypes = Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=100)]


class WebhookBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook to be added: where events of the types `on` are sent, of jobs on one of `target`, with one of `tag`.

    Without a `secret`, one is made: of the kind `v1` for HMAC-SHA256, or `v1a` for ed25519.
    """

    name: str
    url: Url
    on: EventTypes = FINAL_TYPES
    target: Labels = ()
    tag: Labels = ()
    name_prefix: NamePrefix = ""
    payload: Payload = "standard"
    kind: Literal["v1", "v1a"] = "v1"
    secret: Annotated[str, Meta(max_length=256)] | None = None


class WebhookChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about a webhook. Of one that the configuration names, only the state can be."""

    url: Url | UnsetType = UNSET
    on: EventTypes | UnsetType = UNSET
    target: Labels | UnsetType = UNSET
    tag: Labels | UnsetType = UNSET
    name_prefix: NamePrefix | UnsetType = UNSET
    payload: Payload | UnsetType = UNSET
    state: Literal["active", "paused"] | UnsetType = UNSET


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events a subscriber is to be offered anew, at most 10,000.

    Those at `positions`; with `dead`, all its dead letters; and those of the log past `after`, up to `until`.
    """

    subscriber: Annotated[str, Meta(min_length=1, max_length=1_024)]
    positions: Annotated[tuple[Annotated[int, Meta(ge=1, le=POSITION_MAX)], ...], Meta(max_length=10_000)] = ()
    dead: bool = False
    after: Annotated[int, Meta(ge=0, le=POSITION_MAX)] | None = None
    until: Annotated[int, Meta(ge=0, le=POSITION_MAX)] | None = None


class KeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made, for the workspace of the key that makes it, and for no more than that one may."""

    name: Annotated[str, Meta(max_length=512)] = ""
    scope: Literal["read", "submit", "admin", "operate"] = "submit"


def read(body: bytes, kind: type[T]) -> T:
    """Read a body; an empty one is an empty object. Raises `InvalidRequest` naming the field at fault."""
    if is_deeper(body, DEPTH_MAX):
        raise InvalidRequest("body", f"is nested more than {DEPTH_MAX} deep")
    return checked(lambda: msgspec.json.decode(body.strip() or b"{}", type=kind), "body")


def text_or_json(sent: Raw) -> str | Raw | None:
    """Return an input as `Workspace.submit` takes it: text, JSON as it was written, or nothing for `null`."""
    raw = bytes(sent)
    if raw.startswith(b'"'):
        return checked(lambda: msgspec.json.decode(raw, type=str), "input")
    if not raw.isascii():
        checked(raw.decode, "input")  # what is passed on unread has not been looked at for this
    return None if raw == b"null" else sent


def checked(reader: Callable[[], T], field: str) -> T:
    """Return what the reader returns. Raises `InvalidRequest` naming the field at fault, or else this one."""
    try:
        return reader()
    except msgspec.ValidationError as error:
        raise _invalid(str(error), field) from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(field, f"is no JSON: {error}") from None


def is_deeper(body: bytes, depth_max: int) -> bool:
    """Tell whether JSON is nested deeper than this, by its brackets: nothing of it is read."""
    if body.count(b"[") + body.count(b"{") <= depth_max:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes that stand side by side now enclose nothing that counts, or join two strings to one, which changes nothing.
    marks = body.translate(None, _NOT_NESTING).replace(b'""', b"")
    nesting = b"".join(marks.split(b'"')[::2]).translate(_ONE_KIND)
    too_deep = b"[" * (depth_max + 1)
    for _ in range(depth_max):
        if too_deep in nesting:
            return True
        within = nesting
        nesting = nesting.replace(b"[]", b"")  # one level, from the innermost out
        if nesting == within:
            return False  # this is no JSON, or nothing is left
    return bool(nesting)


def shown(text: str) -> str:
    """Return what a client has sent as it may stand in a message: not at any length."""
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _invalid(message: str, field: str) -> InvalidRequest:
    if found := _UNKNOWN.fullmatch(message):
        return InvalidRequest(_path(found), "is not known here")
    if found := _MISSING.fullmatch(message):
        return InvalidRequest(_path(found), "is missing")
    if found := _WHERE.fullmatch(message):
        return InvalidRequest(shown(found["field"]) or field, f"is not as it should be: {shown(found['problem'])}")
    return InvalidRequest(field, f"is not as it should be: {shown(message)}")


def _path(found: re.Match[str]) -> str:
    return shown(f"{found['within']}.{found['field']}" if found["within"] else found["field"])
