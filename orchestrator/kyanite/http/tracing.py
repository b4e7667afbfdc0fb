"""The trace that a request is part of: what it submits and changes carries it from then on."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from kyanite.runtime.trace import TRACEPARENT, parsed

HEADER = "traceparent"


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Have the handler run in the trace that the request names; an invalid header, or a second one, names none."""
    headers = request.headers.getall(HEADER, ())
    trace = parsed(headers[0]) if len(headers) == 1 else None
    if trace is None:
        return await handler(request)
    token = TRACEPARENT.set(str(trace))
    try:
        return await handler(request)
    finally:
        TRACEPARENT.reset(token)  # a connection's next request runs in the same context
