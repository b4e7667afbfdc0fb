"""What a caller says about an object before its content is known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from kyanite.blobs.keys import safe_key
from kyanite.errors import InvalidRequest
from kyanite.ports import Blob

HEADER_CHARACTERS_MAX = 255
METADATA_BYTES_MAX = 8192
PAGE_MAX = 10_000
PLAIN_TYPE = "application/octet-stream"


def utc_now() -> datetime:
    """Return the wall time: what `created` says."""
    return datetime.now(UTC)


def outlined(
    key: str, created: datetime, content_type: str, content_encoding: str | None, metadata: Mapping[str, str] | None
) -> Blob:
    """Return the record as far as it is known: size and hash are blank. Raises `InvalidRequest`."""
    if content_type is not PLAIN_TYPE:
        _check_header("content_type", content_type)
    if content_encoding is not None:
        _check_header("content_encoding", content_encoding)
    return Blob(
        key=safe_key(key),
        size=0,
        sha256="",
        created=created,
        content_type=content_type,
        content_encoding=content_encoding,
        metadata=_checked_metadata(metadata) if metadata else {},
    )


def sealed(outline: Blob, size: int, sha256: str) -> Blob:
    """Return the whole record."""
    return msgspec.structs.replace(outline, size=size, sha256=sha256)


def _check_header(field: str, value: str) -> None:
    if not isinstance(value, str):
        raise InvalidRequest(field, f"must be text: {value!r:.200}")
    if not (0 < len(value) <= HEADER_CHARACTERS_MAX and value.isascii() and value.isprintable()):
        raise InvalidRequest(field, f"must be 1 to {HEADER_CHARACTERS_MAX} printable ASCII characters: {value!r:.200}")


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a copy that surely can be stored: one that can not would fail its neighbours in the same commit."""
    copy = dict(metadata)
    try:
        body = msgspec.json.encode(copy)
        msgspec.json.decode(body, type=dict[str, str])
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError):
        raise InvalidRequest("metadata", "must map text to text") from None
    if len(body) > METADATA_BYTES_MAX:
        raise InvalidRequest("metadata", f"must not be longer than {METADATA_BYTES_MAX} bytes as JSON")
    return copy


def checked_range(blob: Blob, start: int, end: int | None) -> tuple[int, int]:
    """Return the part of the object that is meant: within its size, and not negative. Raises `InvalidRequest`."""
    if start < 0 or (end is not None and end < 0):
        raise InvalidRequest("range", f"must not be negative: {start} to {end}")
    stop = blob.size if end is None else min(end, blob.size)
    return min(start, stop), stop


def checked_limit(limit: int) -> int:
    """Return the length of a page, at most `PAGE_MAX`. Raises `InvalidRequest`."""
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidRequest("limit", f"must be between 1 and {PAGE_MAX}, not {limit}")
    return limit


def checked_chunk(chunk: bytes) -> bytes:
    """Return a chunk of a stream. Raises `InvalidRequest`."""
    if not isinstance(chunk, bytes | bytearray | memoryview):
        raise InvalidRequest("content", f"must yield bytes, not {type(chunk).__name__}")
    return chunk
