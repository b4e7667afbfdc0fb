"""Valid inputs of the native API, of its client, and of what else a daemon reads of those around it."""

from hashlib import sha256

import msgspec

from kyanite.core.events import Progressed, encode_event
from kyanite.http.native.paging import cursor_of
from tests.fuzz import corpora

NOW = corpora.NOW

BODIES = (
    [
        "JobBody",
        {
            "target": "acme.echo",
            "input": {"terms": [1, {"c": None}]},
            "input_params": {"params": {"seed": 7}},
            "name": "a job",
            "job_id": "j-1",
            "priority": 3,
            "tags": ["a", "b"],
            "metadata": {"owner": {"name": "x"}},
            "timeout_s": 2.5,
            "attempts_max": 3,
        },
    ],
    ["JobBody", {"target": "acme.echo", "input": "a text", "provider_id": "acme", "session_id": "s"}],
    ["JobBody", {"target": "acme.echo", "input_bytes": "AAECAw==", "input_type": "text/plain"}],
    ["JobBody", {"target": "acme.echo", "input_data_uri": "kyanite:///default/c/b", "output_data_format": "x"}],
    ["JobChange", {"name": "other", "tags": ["a"], "metadata": None, "priority": 0}],
    ["Cancellation", {"reason": "no need"}],
    ["SessionBody", {"session_id": "s", "target": "acme.echo", "job_failure_policy": "Continue", "tags": ["a"]}],
    ["Position", {"position": 7}],
    ["KeyBody", {"name": "notebook", "scope": "submit"}],
)
"""What each body is, and what stands in it."""

QUERIES = (
    "JobListing?status=Succeeded&status=Failed,Cancelled&target=acme.echo&limit=10&order=name&descending=true",
    "JobListing?created_after=2026-01-02T03:04:05Z&created_before=2026-01-03&name_prefix=a%20b&tag=x&after=[1,%22j%22]",
    "JobCount?by=status&provider=acme,microsoft&session_id=&id_prefix=j",
    "SessionListing?target=acme.echo&descending=1&created_after=2026-01-02T03:04:05.678%2B01:00&limit=1000",
    "Paging?limit=1&cursor=abc",
    "LogFilters?after=7&job=a&job=b&status=Waiting&target=t&tag=x,y&type=Began,Progressed&progress=false&follow=0",
    "EventFilters?after=0&type=Succeeded",
    "CheckParameters?blobs=true",
)

LISTING = "default\n/v1/jobs\n[]"
CURSORS = tuple(
    cursor_of(key, LISTING)
    for key in ((1_767_000_000_000_000, "j-1"), ("a name", 1_767_000_000_000_000, "j-\u00fc"), (1.5, "j"), (7,))
)

TRACES = (
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later",
)

POSITIONS = ("0", "7", "123456789012345678")
"""What `Last-Event-ID` is."""

CONDITIONS = (
    {"If-Match": '"3"', "If-None-Match": 'W/"2", "3"', "Prefer": "wait=30"},
    {"If-Match": '*, "1"', "Prefer": 'respond-async, wait="10"; x', "Idempotency-Key": "a-key-of-mine"},
    {"If-None-Match": "*", "Idempotency-Key": "!~" * 100},
)

FRAMES = (
    b'retry: 1000\n\nid: 6\nevent: Ready\ndata: {"position":6}\n\n',
    *(
        b"id: %d\nevent: %s\ndata: %s\n\n" % (number, type(event).__name__.encode(), encode_event(event))
        for number, event in enumerate(corpora.EVENTS, 7)
    ),
    b"event: Progressed\ndata: "
    + msgspec.json.encode(Progressed(workspace="default", job_id="j-1", time=NOW, fraction=0.5))
    + b"\n\n",
    b":\n\n",
    b'id: 99\nevent: End\ndata: {"position":99}\n\n',
)
"""What a stream of events consists of."""

PROBLEMS = tuple(
    {
        "status": status,
        "retry": retry,
        "body": {
            "type": "urn:kyanite:problem:x",
            "title": "Title",
            "status": status,
            "detail": detail,
            "code": code,
            **more,
        },
    }
    for status, retry, code, detail, more in (
        (422, "", "InvalidRequest", "The request is not valid: name must be text", {"field": "name"}),
        (404, "", "JobNotFound", "No such job: j", {}),
        (429, "5", "QuotaExceeded", "The quota is used up", {}),
        (409, "", "JobInUse", "The job stays", {}),
        (413, "", "RequestBodyTooLarge", "the body is too long", {}),
        (401, "", "Unauthorized", "a key is needed", {}),
        (503, "2", "StoreUnavailable", "The store does not answer", {}),
        (500, "", "InternalServerError", "the daemon could not do this", {}),
    )
)

_ROW = msgspec.to_builtins(corpora.DETAILS)
ANSWERS = (
    ["details", _ROW],
    ["rows", {"items": [_ROW], "next": "cursor"}],
    ["events", {"items": [msgspec.json.decode(encode_event(event)) for event in corpora.EVENTS[:3]], "next": None}],
    [
        "blobs",
        {"items": [{"key": "w/c/b", "size": 3, "sha256": sha256(b"abc").hexdigest(), "created": NOW}], "next": None},
    ],
    ["count", {"count": 7}],
    ["count", {"counts": {"Succeeded": 7}}],
)
"""What a daemon answers to its client."""

ADDRESS = "http://127.0.0.1:8473"
DOORS = (
    {"address": ADDRESS, "key": "ab" * 32, "authority": None},
    {"address": ADDRESS, "key": "cd" * 32, "authority": "/data/tls/ca.pem", "more": [1, {}]},
)

NOTIFIED = (
    {"NOTIFY_SOCKET": "/run/nowhere/notify", "WATCHDOG_USEC": "30000000"},
    {"NOTIFY_SOCKET": "@nowhere/notify", "WATCHDOG_USEC": "1"},
    {"NOTIFY_SOCKET": "/run/nowhere/notify"},
)

ENDPOINTS = (
    "http://127.0.0.1:8473",
    "https://jobs.example.org/kyanite/",
    " http://[::1]:80 ",
    "HTTP://Name:1",
)
