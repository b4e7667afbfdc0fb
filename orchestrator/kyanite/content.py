"""Content as callers hand it in, and as blobs hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from kyanite.errors import InvalidRequest
from kyanite.ports import Content


def content_of(value: Any, field: str) -> tuple[Content, str]:
    """Return what can be stored for anything a caller may hand in, and its natural content type.

    Bytes, text, a path and an async iterable of bytes are taken as they are, all else is written as JSON. Raises
    `InvalidRequest` naming the field.
    """
    if isinstance(value, bytes):
        return value, "application/octet-stream"
    if isinstance(value, bytearray | memoryview):
        return bytes(value), "application/octet-stream"
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    if isinstance(value, Path) or hasattr(value, "__aiter__"):
        return value, "application/octet-stream"
    try:
        return msgspec.json.encode(value), "application/json"
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(field, f"can not be written as JSON: {error}") from error
