"""The trace that something is part of, as W3C Trace Context hands it from one program to the next.

Source: W3C Recommendation "Trace Context", section 3.2, the header `traceparent`. `tracestate` is not kept: it means
something to the systems of its writers only, and a job outlives their requests.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The header `traceparent` of what goes on now: jobs that are submitted and events that are recorded carry it."""

SAMPLED = 0x01
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^\x00-\x1f\x7f]*)?", re.ASCII)
_LENGTH_MAX = 512


class Traceparent(NamedTuple):
    """Where in which trace something was called from; as text, the header of version 00."""

    trace_id: str
    """32 lower-case hexadecimal digits, not all zero."""
    span_id: str
    """16 of the same: the span of the caller."""
    flags: int

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def sampled(self) -> bool:
        """Whether the caller may have recorded its part."""
        return bool(self.flags & SAMPLED)


def parsed(header: str) -> Traceparent | None:
    """Read a header; `None` for what the specification calls invalid, which is to be ignored.

    Of a version after 00 the parts are read that 00 knows, and of its flags the one.
    """
    found = _FORM.fullmatch(header) if len(header) <= _LENGTH_MAX else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or not trace_id.strip("0") or not span_id.strip("0") or (version == "00" and more is not None):
        return None
    return Traceparent(trace_id, span_id, int(flags, 16) & (0xFF if version == "00" else SAMPLED))
