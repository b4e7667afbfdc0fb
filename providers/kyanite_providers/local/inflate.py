"""A job's input from where it lies to plain bytes: hashed, and inflated if it is gzip, up to a limit."""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from kyanite.errors import ProviderError
from kyanite_providers.local.frames import Source

GZIP_MAGIC: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1 << 20
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class Plain:
    """An input's plain bytes, piece by piece; `size` counts those that were given out.

    Iterating raises `ProviderError` `InvalidInputData` for a damaged gzip stream or one that inflates beyond
    the limit (nothing larger than a piece is ever held).
    """

    def __init__(self, pieces: Iterator[bytes], limit_bytes: int) -> None:
        """Give out at most `limit_bytes` of these pieces."""
        self.size = 0
        self._pieces = pieces
        self._limit_bytes = limit_bytes

    def __iter__(self) -> Self:
        """Return itself: an input is read once."""
        return self

    def __next__(self) -> bytes:
        """Return the next piece, at most 1 MiB."""
        piece = next(self._pieces)
        if self.size + len(piece) > self._limit_bytes:
            raise invalid("AZQ105", None, f"the input is larger than {self._limit_bytes} bytes when inflated")
        self.size += len(piece)
        return piece


@contextmanager
def opened(source: Source, limit_bytes: int) -> Iterator[Plain]:
    """Yield the input to read, at most `limit_bytes` of it.

    Raises `ProviderError` `InputCorrupt` in the end if the stored bytes do not have the hash that was
    recorded; also where the reader refused them, because then they are not what was sent.
    """
    digest = hashlib.sha256()
    stored = _hashed(_chunks(source), digest)
    try:
        yield Plain(_inflated(stored), limit_bytes)
    except ProviderError as error:
        _require_hash(source, stored, digest, error)
        raise
    _require_hash(source, stored, digest, None)


def _require_hash(source: Source, stored: Iterator[bytes], digest: hashlib._Hash, cause: ProviderError | None) -> None:
    if not source.sha256:
        return
    deque(stored, maxlen=0)  # the hash is that of all of it
    if digest.hexdigest() != source.sha256:
        message = f"the stored input has the hash {digest.hexdigest()}, but {source.sha256} was recorded"
        raise ProviderError("InputCorrupt", message) from cause


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
