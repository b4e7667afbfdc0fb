"""A blob store that keeps the sums of what lies in it, for whoever uses it as any other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from kyanite.ports import Blob, BlobStore, Content
from kyanite.runtime.stored_bytes import StoredBytes


class CountedBlobs(BlobStore):
    """A store of which the objects of some workspaces are counted, those in `counts`; it may change at any time.

    With `refuses`, an object that would pass a workspace's bound is not written. Another workspace's is handed on as it
    is, at no cost.
    """

    def __init__(self, blobs: BlobStore, counts: Mapping[str, StoredBytes], *, refuses: bool) -> None:
        """Stand before this store, which the caller opens and closes."""
        self._blobs = blobs
        self._counts = counts
        self._refuses = refuses

    def __repr__(self) -> str:
        return repr(self._blobs)

    async def open(self, *, read_only: bool = False) -> None:
        await self._blobs.open(read_only=read_only)

    async def aclose(self) -> None:
        await self._blobs.aclose()

    # Not a coroutine function itself: a step more would be felt by small objects.
    def put(self, key: str, content: Content, **options: Any) -> Coroutine[Any, Any, Blob]:
        stored = self._counts.get(key.partition("/")[0]) if self._counts else None
        if stored is None:
            return self._blobs.put(key, content, **options)
        return stored.put(key, content, options, refuses=self._refuses)

    async def stat(self, key: str) -> Blob | None:
        return await self._blobs.stat(key)

    async def get(self, key: str) -> bytes:
        return await self._blobs.get(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return self._blobs.read(key, start, end)

    async def delete(self, keys: Sequence[str]) -> None:
        of_counted: dict[str, list[str]] = {}
        others: list[str] = []
        for key in keys:
            workspace = key.partition("/")[0]
            (of_counted.setdefault(workspace, []) if workspace in self._counts else others).append(key)
        if others:
            await self._blobs.delete(others)
        for workspace, theirs in of_counted.items():
            stored = self._counts.get(workspace)
            await (self._blobs if stored is None else stored).delete(theirs)

    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        return await self._blobs.page(prefix, after, limit)

    def local_path(self, key: str) -> Path | None:
        return self._blobs.local_path(key)
