"""What goes wrong, as answers of the blob service: a status, a code that its clients know, a sentence in XML.

The codes are Azure's (https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes), with two of our
own where it has none. The storage client repeats what is answered with 5xx, but for 501 and 505, for a minute before it
tells anybody: so nothing is that need not be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape

from aiohttp import web

from kyanite.errors import (
    BlobCorrupt,
    BlobExists,
    BlobMissing,
    CallerError,
    InvalidRequest,
    JobNotFound,
    KyaniteError,
    QuotaExceeded,
    ReadOnly,
    StorageFull,
    StoreUnavailable,
    WorkspaceClosed,
)
from kyanite.http.admission import TooManyRequests
from kyanite.http.faults import pause
from kyanite.http.gateway.echo import echoed
from kyanite.http.gateway.signing import Refused
from kyanite.http.whole_body import TooManyBodies
from kyanite.logs import logger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UNWRITABLE = {**dict.fromkeys([*range(0x20), 0xFFFE, 0xFFFF], "?"), **{ord(space): " " for space in "\t\n\r"}}

_ANSWERS: dict[type[KyaniteError], tuple[int, str]] = {
    BlobExists: (409, "BlobAlreadyExists"),
    BlobMissing: (404, "BlobNotFound"),
    JobNotFound: (404, "BlobNotFound"),
    ReadOnly: (403, "InsufficientAccountPermissions"),
    BlobCorrupt: (410, "BlobCorrupt"),
    QuotaExceeded: (429, "QuotaExceeded"),
    TooManyRequests: (429, "TooManyRequests"),
    TooManyBodies: (503, "ServerBusy"),
    StorageFull: (507, "InsufficientStorage"),
    StoreUnavailable: (503, "ServerBusy"),
    WorkspaceClosed: (503, "ServerBusy"),
    CallerError: (400, "InvalidInput"),
    KyaniteError: (500, "InternalError"),
}

_FIELDS = {
    "key": (400, "InvalidResourceName"),
    "container": (400, "InvalidResourceName"),
    "metadata": (400, "InvalidMetadata"),
    "content_type": (400, "InvalidHeaderValue"),
    "content_encoding": (400, "InvalidHeaderValue"),
}


class Fault(CallerError):
    """The blob service does not do this."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Say which status and code the client gets, and what a person reads."""
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        super().__init__(f"{code}: {message}")


def fault_of(error: KyaniteError) -> Fault:
    """Return how the blob service says this."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Refused):
        return Fault(403, error.code, str(error))
    if isinstance(error, InvalidRequest):
        return Fault(*_FIELDS.get(error.field, (400, "InvalidInput")), str(error))
    status, code = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    return Fault(status, code, str(error), pause(status, getattr(error, "retry_after_s", None)))


def answer(request: web.BaseRequest, fault: Fault) -> web.Response:
    """Return the answer to a request at fault; HEAD gets the code in a header only."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(_legible(fault.message))}</Message></Error>"
    )
    headers = {**echoed(request), **fault.headers, "x-ms-error-code": fault.code}
    response = web.Response(status=fault.status, headers=headers)
    if request.method != "HEAD" and fault.status != 304:
        response.body = body.encode()
        response.content_type = "application/xml"
    return response


def faultless(handler: Handler) -> Handler:
    """Return the handler with what goes wrong turned into answers."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.RequestPayloadError:
            return answer(request, Fault(400, "InvalidInput", "the body is not framed as its headers say"))
        except KyaniteError as error:
            fault = fault_of(error)
            if fault.status >= 500 or isinstance(error, BlobCorrupt):
                logger().error("blob request failed", method=request.method, path=request.path, error=str(error))
            return answer(request, fault)

    return handle


def _legible(message: str) -> str:
    """Return the message without what XML can not say."""
    return message.encode("utf-8", "replace").decode().translate(_UNWRITABLE)
