"""Answers that say why there is none, each in the words of the edge that was asked.

The clients of Azure Quantum parse `{"error": {"code", "message"}}`. The native API answers with problem details (RFC
9457), whose `type` is `urn:kyanite:problem:` and the code with hyphens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

NATIVE = "/v1"
_CODES = {404: "NotFound", 405: "MethodNotAllowed", 413: "RequestBodyTooLarge"}
_MESSAGES = {
    404: "there is nothing at this path",
    405: "this method is not for this path",
    413: "the body is too long",
}
_UNPROCESSABLE = frozenset({"InvalidRequest", "UnknownTarget"})
"""What was read and is not right: 422 in the native API, and 400 for clients that know no other."""


class Failure(web.Response):
    """An answer to a request that is not served."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        field: str | None = None,
    ) -> None:
        """Say it as the clients of Azure Quantum read it. `field` is the one at fault."""
        body = msgspec.json.encode({"error": {"code": code, "message": message}})
        super().__init__(status=status, body=body, content_type="application/json", headers=headers)
        self._code = code
        self._message = message
        self._field = field

    def as_problem(self) -> None:
        """Say it as problem details instead."""
        if self._code in _UNPROCESSABLE:
            self.set_status(HTTPStatus.UNPROCESSABLE_ENTITY)
        kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self._code).lower()
        problem = {
            "type": f"urn:kyanite:problem:{kebab}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self._message,
            "code": self._code,
        }
        self.body = msgspec.json.encode(problem if self._field is None else {**problem, "field": self._field})
        self.content_type = "application/problem+json"


def failure(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, *, field: str | None = None
) -> Failure:
    """Return the answer to a request that is not served."""
    return Failure(status, code, message, headers, field=field)


def refusal(error: web.HTTPException) -> Failure:
    """Return what aiohttp, or a handler, refused a request with in the words of a client of the service."""
    message = _MESSAGES.get(error.status, error.reason.lower())
    kept = {name: error.headers[name] for name in ("Allow", "Retry-After", "Location") if name in error.headers}
    return failure(error.status, _CODES.get(error.status, error.reason.title().replace(" ", "")), message, kept)


def is_native(path: str) -> bool:
    """Tell whether a path is the native API's."""
    return path == NATIVE or path.startswith(f"{NATIVE}/")
