"""One client's connection: aiohttp's own, but for what is said of a request that is no HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from kyanite.http.answers import failure
from kyanite.http.room import Room
from kyanite.logs import logger

_BAD_REQUEST = 400
HARMLESS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

_PROBLEM = (
    b'{"type":"urn:kyanite:problem:service-unavailable","title":"Service Unavailable","status":503,'
    b'"detail":"so many connections are open; server.connections_max is %d","code":"ServiceUnavailable"}'
)
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: %d\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nServer: Kyanite\r\n"
    b"Connection: close\r\n\r\n%b"
)


class Connection(web.RequestHandler):
    """Tells neither the log nor the client what such a request said: a key may stand in it, or a signature."""

    __slots__ = ("_room", "when_lost")

    when_lost: Callable[[], None] | None
    """Called when the client has gone, for a handler that would only notice when it writes."""

    def __init__(self, server: web.Server, room: Room | None = None, **options: Any) -> None:
        """Take what the server hands out, if there is room for one more; `options` are aiohttp's."""
        # Without a log of accesses: what is typed as one may be none.
        chosen: dict[str, Any] = {"logger": logging.getLogger("kyanite.http"), "access_log": None, **options}
        super().__init__(server, **chosen)
        self.when_lost = None
        self._room = room

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or say at once that there is no room: not a byte of this client's is read."""
        if self._room is None or self._room.take():
            super().connection_made(transport)
            return
        logger().debug("connection refused", connections_max=self._room.most)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # it is a connection's
        transport.set_protocol(asyncio.Protocol())
        problem = _PROBLEM % self._room.most
        transport.write(_FULL % (len(problem), problem))
        transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever wants to know."""
        super().connection_lost(exc)
        if self._room is not None:
            self._room.give_back()
        if self.when_lost is not None:
            self.when_lost()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what could not be read, which is the last on its connection."""
        if isinstance(exc, ConnectionError):  # the client has gone, as before it was told to go on: nobody reads this
            logger().debug("connection lost")
            refused = failure(_BAD_REQUEST, "ConnectionLost", "the connection was lost")
        elif status == _BAD_REQUEST:
            logger().debug("request refused", why="it is not HTTP")
            refused = failure(status, "BadRequest", "this is not HTTP, or a line of its head is too long")
            refused.as_problem()  # which edge it was meant for is not known
        else:
            return super().handle_error(request, status, exc, message)
        refused.headers.update(HARMLESS)
        refused.force_close()
        return refused
