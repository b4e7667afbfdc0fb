"""One client's connection: aiohttp's own, but for what is said of a request that is no HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from kyanite.http.answers import failure
from kyanite.logs import logger

_BAD_REQUEST = 400


class Connection(web.RequestHandler):
    """Tells neither the log nor the client what such a request said: a key may stand in it, or a signature."""

    __slots__ = ("when_lost",)

    when_lost: Callable[[], None] | None
    """Called when the client has gone, for a handler that would only notice when it writes."""

    def __init__(self, server: web.Server, **options: Any) -> None:
        """Take what the server hands out; `options` are aiohttp's."""
        # Without a log of accesses: what is typed as one may be none.
        chosen: dict[str, Any] = {"logger": logging.getLogger("kyanite.http"), "access_log": None, **options}
        super().__init__(server, **chosen)
        self.when_lost = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell whoever wants to know."""
        super().connection_lost(exc)
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
            refused = failure(status, "BadRequest", "this is not HTTP")
        else:
            return super().handle_error(request, status, exc, message)
        refused.force_close()
        return refused
