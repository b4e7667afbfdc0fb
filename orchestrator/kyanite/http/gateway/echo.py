"""What an answer repeats of its request."""

from __future__ import annotations

import re

from aiohttp import web

_VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def echoed(request: web.BaseRequest) -> dict[str, str]:
    """Return the headers that every answer begins with."""
    allowed = {"x-ms-version": _VERSION, "x-ms-client-request-id": _CLIENT_ID}
    given = ((name, request.headers.get(name, "")) for name in allowed)
    return {name: value for name, value in given if allowed[name].fullmatch(value)}
