"""What a client is told when something can not be done: one table from errors to status codes."""

from __future__ import annotations

from functools import wraps
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from kyanite.errors import (
    IdConflict,
    InvalidRequest,
    JobNotFound,
    KyaniteError,
    QueueFull,
    ReadOnly,
    SessionClosed,
    SessionNotFound,
    StorageFull,
    StoreUnavailable,
    UnknownTarget,
    WorkspaceClosed,
)
from kyanite.http.answers import failure

STATUSES: Final[dict[type[KyaniteError], int]] = {
    InvalidRequest: 400,
    UnknownTarget: 400,  # 404 is for what a path names
    ReadOnly: 403,
    JobNotFound: 404,
    SessionNotFound: 404,
    IdConflict: 409,
    SessionClosed: 409,
    QueueFull: 429,
    StoreUnavailable: 503,
    WorkspaceClosed: 503,
    StorageFull: 507,
}
"""Whatever is not here is nothing a client could do better: 500, said and logged by the application."""

RETRY_AFTER_S: Final[dict[int, int]] = {429: 5, 503: 2}
"""The clients repeat a request of any method after so many seconds."""


def told(handler: Handler) -> Handler:
    """Return a handler that answers errors of the table with status, code and message."""

    @wraps(handler)
    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except KyaniteError as error:
            answer = fault(error)
            if answer is None:
                raise
            return answer

    return answering


def fault(error: KyaniteError) -> web.Response | None:
    """Return the answer to a request that led to this error; `None` if it is not the client's to know."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    return None if status is None else refusal(status, type(error).__name__, str(error))


def refusal(status: int, code: str, message: str) -> web.Response:
    """Return an answer that says why there is no other, and when to come back if that helps."""
    pause_s = RETRY_AFTER_S.get(status)
    return failure(status, code, message, None if pause_s is None else {"Retry-After": str(pause_s)})
