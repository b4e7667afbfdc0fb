"""What a request carries: bytes, a file or a stream, sent in pieces, and again if that is possible."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from kyanite.errors import InvalidRequest
from kyanite.ports import Content

PIECE_BYTES = 1 << 18
DEPTH_MAX = 100


class Upload:
    """The body of a request. A stream can be sent once only: `spent` tells when that has begun."""

    def __init__(self, content: Content, content_type: str, field: str = "input") -> None:
        """Send this content; errors of a file name the field."""
        self.content_type = content_type
        self.field = field
        self.spent = False
        self.failure: BaseException | None = None
        """What the content itself raised while it was being sent; it is the caller's own."""
        self._content = content

    async def size(self) -> int | None:
        """Return how many bytes there are, as far as that is known. Raises `InvalidRequest` for an unreadable file."""
        if isinstance(self._content, bytes):
            return len(self._content)
        if isinstance(self._content, Path):
            try:
                return (await anyio.to_thread.run_sync(self._content.stat)).st_size
            except OSError as error:
                raise self._unreadable(self._content, error) from error
        return None

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the content; to be closed when it was not read to its end."""
        try:
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    yield piece
        except Exception as error:
            self.failure = error
            raise

    async def _pieces(self) -> AsyncGenerator[bytes]:
        if isinstance(self._content, bytes):
            for start in range(0, len(self._content), PIECE_BYTES):
                yield self._content[start : start + PIECE_BYTES]
        elif isinstance(self._content, Path):
            async with aclosing(self._file(self._content)) as pieces:
                async for piece in pieces:
                    yield piece
        else:
            self.spent = True
            async for piece in self._content:
                yield piece

    async def _file(self, path: Path) -> AsyncGenerator[bytes]:
        try:
            with await anyio.to_thread.run_sync(path.open, "rb") as file:
                while piece := await anyio.to_thread.run_sync(file.read, PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: OSError) -> InvalidRequest:
        return InvalidRequest(self.field, f"can not be read: {path}: {error.strerror}")


def json_body(fields: Mapping[str, Any]) -> Upload:
    """Return a body of these fields as JSON. Raises `InvalidRequest` naming one that can not be said in it."""
    encoded = msgspec.json.encode({name: _raw(name, value) for name, value in fields.items()})
    return Upload(encoded, "application/json", "body")


def _raw(field: str, value: Any) -> msgspec.Raw:
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(field, f"can not be written as JSON: {error}") from error
    _check_readable(field, value)
    return msgspec.Raw(encoded)


def _check_readable(field: str, value: Any) -> None:
    """Refuse what would not arrive: numbers that msgspec writes as null, and more depth than a daemon reads."""
    level, depth = [value], 0
    while level:
        if depth > DEPTH_MAX:
            raise InvalidRequest(field, f"is nested more than {DEPTH_MAX} deep")
        below: list[Any] = []
        for item in level:
            if isinstance(item, float) and not math.isfinite(item):
                raise InvalidRequest(field, f"is {item}; a number must be finite")
            if isinstance(item, Mapping):
                below += item.values()
            elif isinstance(item, list | tuple | set | frozenset):
                below += item
        level, depth = below, depth + 1
