"""Answers in JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

_encoder = msgspec.json.Encoder()


def answer(document: Any, status: int = 200) -> web.Response:
    """Return a document as the answer to a request."""
    return web.Response(status=status, body=_encoder.encode(document), content_type="application/json")
