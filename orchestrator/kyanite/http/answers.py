"""Answers that say why there is none: `{"error": {"code", "message"}}`, which the clients of the service parse."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

_CODES = {404: "NotFound", 405: "MethodNotAllowed", 413: "RequestBodyTooLarge"}
_MESSAGES = {
    404: "there is nothing at this path",
    405: "this method is not for this path",
    413: "the body is too long",
}


def failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the answer to a request that is not served."""
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


def refusal(error: web.HTTPException) -> web.Response:
    """Return what aiohttp, or a handler, refused a request with in the words of a client of the service."""
    message = _MESSAGES.get(error.status, error.reason.lower())
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After", "Location") if name in error.headers}
    return failure(error.status, _CODES.get(error.status, error.reason.title().replace(" ", "")), message, kept)
