"""Bodies as they come, and those read as a whole: each bounded and within a time, all together bounded in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext

import anyio
from aiohttp import web

from kyanite.errors import CallerError
from kyanite.http.service import CLIENT, SERVICE

SMALL_BYTES = 64 << 10
"""Up to this long a body costs no more than its connection does anyway, and is always read."""


class RequestTimeout(CallerError):
    """The body is slow to come."""


class TooManyBodies(CallerError):
    """So many long bodies are being read already."""


@asynccontextmanager
async def whole_body(request: web.Request) -> AsyncIterator[bytes]:
    """Read the body, and keep room for it as long as the block lasts, for it stays in memory as long.

    It has at most the application's `client_max_size`; one that does not say how long it is may have that. Raises
    `HTTPRequestEntityTooLarge`, `RequestTimeout`, `TooManyBodies`.
    """
    if not request.can_read_body:
        yield b""
        return
    stated, most = request.content_length, request.client_max_size
    if stated is not None and stated > most:
        raise web.HTTPRequestEntityTooLarge(most, stated)
    with room_for(request, most if stated is None else stated):
        yield await _read(request)


def room_for(request: web.Request, size: int) -> AbstractContextManager[None]:
    """Return what keeps room for a body of so many bytes while it is entered. Raises `TooManyBodies` there."""
    if size <= SMALL_BYTES:
        return nullcontext()
    bodies = request.app[SERVICE].state.bodies
    most = f"all may have {bodies.room.most >> 20:,} MiB, and one client {bodies.each >> 20:,}"
    return bodies.held(request.get(CLIENT, f"address {request.remote}"), size, TooManyBodies(most))


@contextmanager
def incoming(request: web.BaseRequest) -> Iterator[None]:
    """Within it, what comes is read. Raises `ConnectionError` when the client goes away, however aiohttp puts that.

    Once it has woken a reader for the end of a chunk, it tells that the connection was lost by a `RuntimeError`.
    """
    try:
        yield
    except RuntimeError as error:
        if request.transport is not None:
            raise
        raise ConnectionResetError("the connection was lost") from error


async def _read(request: web.Request) -> bytes:
    """Return the body, which the request keeps for whoever asks again."""
    if request.content.is_eof():
        return await request.read()
    patience_s = request.app[SERVICE].settings.server.request_patience_s
    try:
        with anyio.fail_after(patience_s), incoming(request):
            return await request.read()
    except TimeoutError:
        raise RequestTimeout(f"it did not come within {patience_s:g} seconds") from None
