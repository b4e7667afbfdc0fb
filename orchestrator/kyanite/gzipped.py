"""Gzip undone, within a bound: a few thousand bytes can say that they are gigabytes."""

from __future__ import annotations

import zlib
from typing import Final

MAGIC: Final = b"\x1f\x8b"
PLAIN_MAX_BYTES: Final = 2 << 30
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_PIECE_BYTES: Final = 1 << 20


def plain(content: bytes, limit_bytes: int = PLAIN_MAX_BYTES) -> bytes:
    """Return what `content` holds: itself, unless it is gzip, whose members are undone one after the other.

    Raises `ValueError` for a stream that is damaged, ends too early or holds more than `limit_bytes`, of which never
    more than that is held.
    """
    if not content.startswith(MAGIC):
        return content
    pieces = bytearray()
    stream, rest = zlib.decompressobj(_GZIP_WINDOW), content
    try:
        while rest or not stream.eof:
            if stream.eof:
                stream = zlib.decompressobj(_GZIP_WINDOW)
            piece = stream.decompress(rest, _PIECE_BYTES)
            if not piece and not rest and not stream.eof:
                raise ValueError("the gzip stream is damaged: it ends too early")
            pieces += piece
            if len(pieces) > limit_bytes:
                raise ValueError(f"the gzip stream holds more than {limit_bytes} bytes")
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"the gzip stream is damaged: {error}") from error
    return bytes(pieces)
