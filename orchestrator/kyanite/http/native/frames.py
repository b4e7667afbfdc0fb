"""What stands in an event stream beside the events: WHATWG HTML Living Standard, section 9.2 "Server-sent events"."""

from __future__ import annotations

CONTENT_TYPE = "text/event-stream"
RETRY_MS = 1_000
"""How long a client waits before it connects again."""

BEAT = b":\n\n"
"""A comment, which keeps the connection from looking dead."""


def opening(position: int) -> bytes:
    """Return how a stream begins that tells of what comes after a position."""
    return b'retry: %d\n\nid: %d\nevent: Ready\ndata: {"position":%d}\n\n' % (RETRY_MS, position, position)


def end(position: int) -> bytes:
    """Return how a stream ends that was asked to, at the end of the log."""
    return b'id: %d\nevent: End\ndata: {"position":%d}\n\n' % (position, position)


def chunk(content: bytes) -> bytes:
    """Return a part of a body of unknown length: RFC 9112, section 7.1."""
    return b"%x\r\n%b\r\n" % (len(content), content)
