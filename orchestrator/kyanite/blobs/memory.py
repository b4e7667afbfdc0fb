"""Blobs in memory, with the manners of the durable ones: for tests, simulations, and throw-away workspaces."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from pathlib import Path

import anyio

from kyanite.blobs.keys import safe_key
from kyanite.blobs.label import (
    PLAIN_TYPE,
    checked_chunk,
    checked_limit,
    checked_range,
    outlined,
    sealed,
    utc_now,
)
from kyanite.errors import BlobExists, BlobMissing, InvalidRequest, ReadOnly, WorkspaceClosed
from kyanite.ports import Blob, BlobStore, Content

CHUNK_BYTES = 1024 * 1024


class MemoryBlobs(BlobStore):
    """Keeps its objects over `aclose` and `open`, as a disk would."""

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        """Begin empty. `now` is the wall clock, for `Blob.created`."""
        self._now = now
        self._objects: dict[str, tuple[Blob, bytes]] = {}
        self._open = False
        self._read_only = False

    def __repr__(self) -> str:
        return f"<MemoryBlobs with {len(self._objects)} objects>"

    async def open(self, *, read_only: bool = False) -> None:
        self._open = True
        self._read_only = read_only

    async def aclose(self) -> None:
        self._open = False

    async def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = PLAIN_TYPE,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Blob:
        self._check_writable()
        outline = outlined(key, self._now(), content_type, content_encoding, metadata)
        whole = await _whole(content)
        if key in self._objects:
            raise BlobExists(key)
        blob = sealed(outline, len(whole), hashlib.sha256(whole).hexdigest())
        self._objects[key] = (blob, whole)
        return blob

    async def stat(self, key: str) -> Blob | None:
        self._check_open()
        entry = self._objects.get(safe_key(key))
        return entry[0] if entry else None

    async def get(self, key: str) -> bytes:
        return self._entry(key)[1]

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        blob, content = self._entry(key)
        start, end = checked_range(blob, start, end)
        for at in range(start, end, CHUNK_BYTES):
            self._check_open()
            yield content[at : min(at + CHUNK_BYTES, end)]

    async def delete(self, keys: Sequence[str]) -> None:
        self._check_writable()
        for key in [safe_key(key) for key in keys]:
            self._objects.pop(key, None)

    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        self._check_open()
        found = (key for key in self._objects if key > after and key.startswith(prefix))
        return [self._objects[key][0] for key in nsmallest(checked_limit(limit), found)]

    def _entry(self, key: str) -> tuple[Blob, bytes]:
        self._check_open()
        entry = self._objects.get(safe_key(key))
        if entry is None:
            raise BlobMissing(key)
        return entry

    def _check_open(self) -> None:
        if not self._open:
            raise WorkspaceClosed("blob store in memory")

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ReadOnly("blob store in memory")


async def _whole(content: Content) -> bytes:
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    if isinstance(content, Path):
        try:
            return await anyio.to_thread.run_sync(content.read_bytes)
        except OSError as error:
            raise InvalidRequest("content", f"can not be read from {content}: {error.strerror}") from error
    if isinstance(content, AsyncIterable):
        return b"".join([bytes(checked_chunk(chunk)) async for chunk in content])
    raise InvalidRequest("content", f"must be bytes, a path or a stream, not {type(content).__name__}")
