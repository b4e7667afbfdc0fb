"""What reads the inputs of the native API, of its client and of the daemon's surroundings; as in `wire_readers`.

What is ignored, as an invalid trace is, or means nothing, as a door that leads elsewhere does, is a `PermissionError`.
"""

import json
import math
import tempfile
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from multidict import CIMultiDict
from yarl import URL

from kyanite.client import answers, endpoint, jobs, problems
from kyanite.client.frames import Frames
from kyanite.client.streams import place_of, updates_in
from kyanite.errors import InfrastructureError, KyaniteError
from kyanite.http import faults, notify
from kyanite.http.door import FILE, Door, door_in
from kyanite.http.native import bodies, care, conditions, filters, parameters, streams
from kyanite.http.native.filters import Filter
from kyanite.http.native.jobs import _changes
from kyanite.http.native.paging import key_of
from kyanite.http.native.submission import _content
from kyanite.http.service import WORKSPACE
from kyanite.runtime.trace import parsed
from tests.fuzz import corpora, native_corpora
from tests.fuzz.wire_readers import texts

FOLDER = tempfile.TemporaryDirectory(prefix="kyanite-fuzz-door-")
PRESENT = 1 << 60
"""Behind whatever position a client can name."""


def answered(read):
    """Have the reader's refusal be one that a client can be told: its words may be those of the input."""

    def reader(content):
        try:
            read(content)
        except KyaniteError as error:
            answer = faults.fault(error)
            assert answer is not None
            answer.as_problem()
            assert answer.status in {412, 422}
            raise

    return reader


_BODIES = {
    kind.__name__: kind
    for kind in (
        bodies.JobBody,
        bodies.JobChange,
        bodies.Cancellation,
        bodies.SessionBody,
        bodies.Position,
        bodies.KeyBody,
    )
}


@answered
def read_body(content):
    """The kind of the body is the first text in it."""
    kind = next((name for name in _BODIES if f'"{name}"'.encode() in content[:20]), "JobBody")
    body = bodies.read(content[content.find(b",") + 1 : -1], _BODIES[kind])
    if kind == "JobBody":
        given = _content(body)
        assert given is None or msgspec.json.encode(given)
    elif kind == "JobChange":
        assert set(_changes(body, corpora.DETAILS)) <= {"name", "tags", "metadata", "priority"}
    elif kind == "Position":
        assert 0 <= body.position < 1 << 63


_QUERIES = {
    kind.__name__: kind
    for kind in (
        parameters.JobListing,
        parameters.JobCount,
        parameters.SessionListing,
        parameters.Paging,
        parameters.LogFilters,
        parameters.EventFilters,
        care.CheckParameters,
    )
}


@answered
def read_query(content):
    """What is asked for stands before the question mark."""
    kind, _, query = content.decode("utf-8", "surrogateescape").partition("?")
    given = URL.build(path="/", query_string=query, encoded=True).query
    asked = parameters.read(given, _QUERIES.get(kind, parameters.JobListing))
    assert set(given) <= set(asked.__struct_fields__)
    for name in ("created_after", "created_before"):
        time = getattr(asked, name, None)
        assert time is None or time.utcoffset().total_seconds() == 0
    assert 1 <= getattr(asked, "limit", 1) <= 1_000
    if isinstance(asked, parameters.EventFilters):
        assert isinstance(filters.wanted(asked), Filter)
    else:
        assert "cursor" not in parameters.filters_of(asked)


@answered
def read_cursor(content):
    key = key_of(content.decode("utf-8", "surrogateescape"), native_corpora.LISTING)
    assert 1 <= len(key) <= 3


@answered
def read_position(content):
    """A `Last-Event-ID`, which goes before the position in the query."""
    text = content.decode("utf-8", "surrogateescape")
    resumed = streams._resumed(Asked(headers={"Last-Event-ID": text}), 5)
    with pytest.raises(StopIteration) as over:
        resumed.send(None)
    assert over.value.value == (int(text) if text else 5)


class Asked(SimpleNamespace):
    """A request for events, in a workspace whose log is long."""

    def __getitem__(self, key):
        if key is WORKSPACE:
            return SimpleNamespace(host=SimpleNamespace(engine=SimpleNamespace(feed=SimpleNamespace(present=PRESENT))))
        return parameters.LogFilters()


def read_trace(content):
    trace = parsed(content.decode("utf-8", "surrogateescape"))
    if trace is None:
        raise PermissionError("ignored")
    assert parsed(str(trace)) == trace
    assert str(trace).isascii()


@answered
def read_conditions(content):
    headers = CIMultiDict(texts(content, "If-Match", "If-None-Match", "Prefer", "Idempotency-Key"))
    conditions.is_known(headers, conditions.etag_of(corpora.DETAILS))
    wait_s = conditions.wait_s(headers)
    assert wait_s is None or 0 <= wait_s <= conditions.WAIT_MAX_S
    job_id = conditions.job_id_of(headers, "default")
    assert (job_id is None) is ("Idempotency-Key" not in headers)
    assert conditions.matched(headers, corpora.DETAILS) in {None, corpora.DETAILS.version}


def read_frames(content):
    """In pieces as at once, and whatever an event says, it is an event or none."""
    size = max(1 + content[0] % 64 if content else 1, len(content) // 4096)
    pieces = [content[at : at + size] for at in range(1, len(content), size)]
    whole, in_pieces = Frames(), Frames()
    found = whole.feed(content[1:])
    assert [frame for piece in pieces for frame in in_pieces.feed(piece)] == found
    for frame in found:
        place = place_of(frame)
        assert place is None or 0 <= place < 1 << 63
    updates_in(found)


def read_problem(content):
    """The answer that a client is given, of which the body is a problem, or anything else."""
    try:
        given = json.loads(content)
        status, retry, body = given["status"], given["retry"], msgspec.json.encode(given["body"])
    except (ValueError, TypeError, KeyError, RecursionError):
        status, retry, body = 400, "", content
    headers = {"Retry-After": retry} if isinstance(retry, str) else {}
    error = problems.error_of(status if type(status) is int else 400, headers, body)
    assert isinstance(error, KyaniteError)
    assert isinstance(str(error), str)
    pause_s = getattr(error, "retry_after_s", None)
    assert pause_s is None or 0 <= pause_s < math.inf
    assert isinstance(getattr(error, "field", ""), str)
    if isinstance(error, InfrastructureError):
        raise error


_ANSWERS = {
    "details": jobs._details,
    "rows": jobs._rows,
    "events": jobs._events,
    "blobs": jobs._blobs,
    "count": jobs._count,
}


def read_answer(content):
    kind = next((name for name in _ANSWERS if f'"{name}"'.encode() in content[:12]), "rows")
    answers.read(content[content.find(b",") + 1 : -1], _ANSWERS[kind])


def read_door(content):
    (Path(FOLDER.name) / FILE).write_bytes(content)
    door = door_in(Path(FOLDER.name), native_corpora.ADDRESS)
    if door is None:
        raise PermissionError("no door")
    assert isinstance(door, Door)
    assert door.key not in repr(door) or len(door.key) < len(repr(Door(door.address, "")))


VARIABLE_MAX = 1 << 17
"""No system hands a program a longer one."""


def read_notified(content):
    environ = {
        name: text[:VARIABLE_MAX].encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape").replace("\0", "")
        for name, text in texts(content, "NOTIFY_SOCKET", "WATCHDOG_USEC").items()
    }
    notifier = notify.from_environment(environ)
    assert notifier.watchdog_s is None or 0 < notifier.watchdog_s < math.inf
    if notifier._address is None:
        raise PermissionError("nobody listens")
    notifier.ready("serving")


def read_endpoint(content):
    address = endpoint.endpoint_of(content.decode("utf-8", "surrogateescape"))
    assert address.startswith(("http://", "https://"))
    assert endpoint.endpoint_of(address) == address
    assert not {"@", "?", "#"} & set(address)
