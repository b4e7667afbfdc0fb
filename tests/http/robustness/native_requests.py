"""Valid requests to the native API as bytes, of a kind each: some answers go on for as long as the client reads."""

from tests.http.robustness.requests import chunked, request

JOB = b'{"target":"acme.echo","input":{"a":[1,2]},"job_id":"n-1","tags":["a"]}'
STATUSES = (
    *(201, 200, 200, 200, 304, 200, 200, 200, 409, 201, 206, 200, 200, 200, 201, 200, 200, 200, 200, 200, 204),
    404,
)
"""What they are answered, one after the other."""


def native_samples():
    """Every one but streams that go on, in an order in which each finds what it is about."""
    tag, part = b'If-None-Match: "1", *', b"Range: bytes=1-2"
    return (
        request(b"POST", b"/v1/jobs", JOB, b"Prefer: wait=9"),
        request(b"POST", b"/v1/jobs", chunked(JOB[:9], JOB[9:]), b"Transfer-Encoding: chunked"),
        request(
            b"GET", b"/v1/jobs?limit=2&status=Succeeded,Failed&order=name&tag=a&created_after=2026-01-01T00:00:00Z"
        ),
        request(b"GET", b"/v1/counts?by=status&target=acme.echo"),
        request(b"GET", b"/v1/jobs/n-1", b"", tag),
        request(b"PATCH", b"/v1/jobs/n-1", b'{"name":"x","metadata":{"a":null}}', b"If-Match: *"),
        request(b"POST", b"/v1/jobs/n-1/cancel", b'{"reason":"none"}'),
        request(b"GET", b"/v1/jobs/n-1/story?limit=2"),
        request(b"PUT", b"/v1/jobs/n-1/input", b"content" * 9),
        request(b"PUT", b"/v1/jobs/n-1/attachments/a", chunked(b"con", b"tent"), b"Transfer-Encoding: chunked"),
        request(b"GET", b"/v1/jobs/n-1/attachments/a", b"", part),
        request(b"GET", b"/v1/jobs/n-1/output"),
        request(b"PUT", b"/v1/cursors/mine", b'{"position":7}'),
        request(b"GET", b"/v1/cursors/mine"),
        request(b"PUT", b"/v1/blobs/n/b", b"content" * 9, b"Content-Type: text/plain"),
        request(b"GET", b"/v1/blobs/n/b"),
        request(b"GET", b"/v1/targets"),
        request(b"GET", b"/v1/usage"),
        request(b"GET", b"/v1/events?after=0&follow=false&type=Submitted,Succeeded&job=n-1"),
        request(b"GET", b"/v1/jobs/n-1/events?progress=false"),
        request(b"DELETE", b"/v1/jobs/n-1", b"", b"If-Match: *"),
        request(b"GET", b"/v1/jobs/n-1"),
    )


def streams():
    """Those whose answer goes on."""
    return (
        request(b"GET", b"/v1/events?after=0"),
        request(b"GET", b"/v1/events?status=Waiting&tag=a,b&target=acme.echo", b"", b"Last-Event-ID: 7"),
        request(b"GET", b"/v1/jobs/n-2/events?type=Began", b"", b"Last-Event-ID: 0"),
    )
