"""A job's input from where it lies to plain bytes: hashed, and inflated if it is gzip, up to a limit."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kyanite.errors import ProviderError
from kyanite_providers.local.frames import Source

GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1 << 20
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def read_source(source: Source, limit_bytes: int) -> bytearray:
    """Return the input's plain bytes, at most `limit_bytes` of them.

    Raises `ProviderError`: `InputCorrupt` if the stored bytes do not have the hash that was recorded, and
    `InvalidInputData` for a damaged gzip stream or one that inflates beyond the limit (nothing larger is ever
    held).
    """
    digest = hashlib.sha256()
    chunks = _hashed(_chunks(source), digest)
    plain = bytearray()
    for chunk in _inflated(chunks):
        if len(plain) + len(chunk) > limit_bytes:
            raise invalid("AZQ105", None, f"the input is larger than {limit_bytes} bytes when inflated")
        plain += chunk
    if source.sha256 and digest.hexdigest() != source.sha256:
        message = f"the stored input has the hash {digest.hexdigest()}, but {source.sha256} was recorded"
        raise ProviderError("InputCorrupt", message)
    return plain


def invalid(azq: str, field: str | None, problem: str) -> ProviderError:
    """Return the error for an input at fault: `azq` is the documented code, `field` the path of what is
    wrong.
    """
    message = f"{azq}: {field}: {problem}" if field else f"{azq}: {problem}"
    return ProviderError("InvalidInputData", message, target=field)


def _chunks(source: Source) -> Iterator[bytes]:
    if source.path is None:
        view = memoryview(source.content)
        for start in range(0, len(view), _CHUNK_BYTES):
            yield bytes(view[start : start + _CHUNK_BYTES])
        return
    with Path(source.path).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _hashed(chunks: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    if not first.startswith(GZIP_MAGIC):
        yield first
        yield from chunks
        return
    try:
        yield from _members(first, chunks)
    except zlib.error as error:
        raise invalid("AZQ105", None, f"the gzip stream is damaged ({error})") from error


def _members(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what one gzip member after the other holds, never more than a chunk at a time."""
    stream, rest = zlib.decompressobj(_GZIP_WINDOW), first
    while rest or (rest := next(chunks, b"")):
        if stream.eof:
            stream = zlib.decompressobj(_GZIP_WINDOW)
        yield stream.decompress(rest, _CHUNK_BYTES)
        rest = stream.unused_data if stream.eof else stream.unconsumed_tail
    while not stream.eof:
        # What the stream held back for lack of room comes out without further input.
        tail = stream.decompress(b"", _CHUNK_BYTES)
        if not tail:
            raise invalid("AZQ105", None, "the gzip stream ends too early")
        yield tail
