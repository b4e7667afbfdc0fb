"""What a client is told when something can not be done: one table from errors to status codes."""

from __future__ import annotations

from math import ceil
from typing import Final

from aiohttp import web

from kyanite.errors import (
    AccessDenied,
    IdConflict,
    InvalidRequest,
    JobNotFound,
    KyaniteError,
    NotHere,
    PreconditionFailed,
    QueueFull,
    QuotaExceeded,
    ReadOnly,
    SessionClosed,
    SessionNotFound,
    StorageFull,
    StoreUnavailable,
    UnknownTarget,
    WorkspaceClosed,
    WorkspaceNotFound,
)
from kyanite.http.admission import TooManyRequests
from kyanite.http.answers import failure
from kyanite.http.whole_body import RequestTimeout, TooManyBodies
from kyanite.outlets.webhooks.definition import WebhookConfigured, WebhookExists, WebhookNotFound

STATUSES: Final[dict[type[KyaniteError], int]] = {
    InvalidRequest: 400,
    UnknownTarget: 400,  # 404 is for what a path names
    AccessDenied: 403,
    ReadOnly: 403,
    NotHere: 403,
    JobNotFound: 404,
    SessionNotFound: 404,
    WorkspaceNotFound: 404,
    WebhookNotFound: 404,
    RequestTimeout: 408,
    IdConflict: 409,
    SessionClosed: 409,
    WebhookExists: 409,
    WebhookConfigured: 409,
    PreconditionFailed: 412,
    QueueFull: 429,
    QuotaExceeded: 429,
    TooManyRequests: 429,
    StoreUnavailable: 503,
    TooManyBodies: 503,
    WorkspaceClosed: 503,
    StorageFull: 507,
}
"""Whatever is not here is nothing a client could do better: 500, said and logged by the application."""

RETRY_AFTER_S: Final[dict[int, int]] = {429: 5, 503: 2}
"""The clients repeat a request of any method after so many seconds."""


def fault(error: KyaniteError) -> web.Response | None:
    """Return the answer to a request that led to this error; `None` if it is not the client's to know."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    if status is None:
        return None
    pause_s = error.retry_after_s if isinstance(error, QuotaExceeded | TooManyRequests) else None
    return refusal(status, type(error).__name__, str(error), pause_s=pause_s, field=getattr(error, "field", None))


def refusal(
    status: int, code: str, message: str, *, pause_s: float | None = None, field: str | None = None
) -> web.Response:
    """Return an answer that says why there is no other, and when to come back if that helps."""
    return failure(status, code, message, pause(status, pause_s), field=field)


def pause(status: int, pause_s: float | None = None) -> dict[str, str]:
    """Return the header that says when to come back, if that helps; `pause_s` where it is known."""
    after_s = RETRY_AFTER_S.get(status) if pause_s is None else max(1, ceil(pause_s))
    return {} if after_s is None else {"Retry-After": str(after_s)}
