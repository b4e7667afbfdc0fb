"""How many bytes the blobs of a workspace take: counted once, and kept from write to write.

The count goes over the workspace page by page while blobs come and go. What lies up to the last key it has reached is
in its sum; what is written there meanwhile is added, and what is written beyond is met later. Whatever leaves a doubt,
such as a write whose answer was lost, has all counted again after a while, so that no error stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from kyanite.errors import BlobExists, InfrastructureError, QuotaExceeded, StoreUnavailable
from kyanite.logs import logger
from kyanite.ports import Blob, BlobStore, Content

PAGE = 500
PAGE_PAUSE_S = 0.002
"""Between two pages of a count, which others should not feel."""
COUNT_AGAIN_S = 600.0
"""How long a doubt may last."""
FIRST_AGAIN_S = 5.0
"""How long there may be no sum at all, once a count has failed."""
PATIENCE_S = 2.0
"""How long a write waits for the first count; then it goes by what was counted so far."""
RETRY_AFTER_S = 60.0


class Claim:
    """Bytes that are about to be written, and count until they are, or are not."""

    def __init__(self, stored: StoredBytes) -> None:
        """Claim nothing yet."""
        self.size = 0
        self._stored = stored

    def grow(self, size: int) -> None:
        """Claim so many bytes more. Raises `QuotaExceeded`."""
        self._stored.check(size)
        self.size += size
        self._stored.claimed += size

    def end(self) -> None:
        """Claim nothing any more."""
        self._stored.claimed -= self.size
        self.size = 0

    async def along(self, stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield the chunks of a stream, each claimed before it is written."""
        async for chunk in stream:
            self.grow(_length(chunk))
            yield chunk


class Tally:
    """One count over all keys, in order: `total` is right for those up to `reached`, which `None` means all are."""

    def __init__(self) -> None:
        """Begin before the first key."""
        self.total = 0
        self.reached: str | None = ""
        self._beyond: dict[str, int] = {}

    def page(self, blobs: Sequence[Blob], limit: int, under_way: Mapping[str, int]) -> list[str]:
        """Add a page; return the keys in it whose write is still under way, and is not to be added when it ends."""
        counted = [blob for blob in blobs if blob.key not in self._beyond]
        self.total += sum(blob.size for blob in counted)
        self.reached = blobs[-1].key if len(blobs) == limit else None
        # What was written while the page was read may be in it or not: either way it is added here, and only here.
        self.total += sum(size for key, size in self._beyond.items() if self.has(key))
        self._beyond.clear()  # and the rest will be in a later page
        return [blob.key for blob in counted if blob.key in under_way]

    def written(self, key: str, size: int) -> None:
        """Add a blob that was written during the count."""
        if self.has(key):
            self.total += size
        else:
            self._beyond[key] = size

    def deleted(self, key: str, size: int) -> None:
        """Take off a blob that was deleted between two pages."""
        if self.has(key):
            self.total -= size
        else:
            self._beyond.pop(key, None)

    def has(self, key: str) -> bool:
        """Tell whether the total covers this key."""
        return self.reached is None or key <= self.reached


class StoredBytes:
    """The bytes of one workspace, bounded by `bytes_max`. `count` must be running for the sum to come about."""

    def __init__(self, blobs: BlobStore, workspace: str) -> None:
        """Count what this store has under the workspace's name."""
        self.bytes_max = 0
        self.total = 0
        self.claimed = 0
        self.counted = False
        """Whether `total` is the whole."""
        self._blobs = blobs
        self._workspace = workspace
        self._under_way: dict[str, int] = {}
        self._added_early: set[str] = set()
        self._deleting: frozenset[str] = frozenset()
        self._tally: Tally | None = None
        self._paging = anyio.Lock()
        self._first = anyio.Event()
        self._doubt = anyio.Event()
        self._scope: anyio.CancelScope | None = None

    # Counting ---------------------------------------------------------------------------------------------------------

    async def count(self) -> None:
        """Count what is there, and again whenever there is doubt, until `stop`."""
        if self._scope is not None:
            return
        with anyio.CancelScope() as self._scope:
            while self.bytes_max:  # else it was stopped before it began
                self._doubt = anyio.Event()
                try:
                    await self._count_once()
                except InfrastructureError as error:
                    logger().warning("stored bytes not counted", workspace=self._workspace, error=str(error))
                    self.doubt()
                await self._doubt.wait()
                await anyio.sleep(COUNT_AGAIN_S if self.counted else FIRST_AGAIN_S)

    def stop(self) -> None:
        """Count no more, and forget the sum."""
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None
        self.total, self.counted, self._tally = 0, False, None
        self._added_early.clear()
        self._first = anyio.Event()

    def doubt(self) -> None:
        """Have all counted again, in a while."""
        self._doubt.set()

    async def _count_once(self) -> None:
        tally = self._tally = Tally()
        try:
            while tally.reached is not None:
                async with self._paging:
                    prefix = f"{self._workspace}/"
                    page = await self._blobs.page(prefix, tally.reached, PAGE)
                    self._added_early.update(tally.page(page, PAGE, self._under_way))
                await anyio.sleep(PAGE_PAUSE_S)
            self.total, self.counted = tally.total, True
        finally:
            if self._tally is tally:
                self._tally = None
        self._first.set()

    # Writing and deleting ---------------------------------------------------------------------------------------------

    async def put(self, key: str, content: Content, options: Mapping[str, Any], *, refuses: bool) -> Blob:
        """Write an object, and count it. Raises what the store raises, and `QuotaExceeded` if it refuses."""
        claim = Claim(self)
        self._under_way[key] = self._under_way.get(key, 0) + 1
        try:
            claimed = await self._claimed(claim, key, content) if refuses else content
            blob = await self._blobs.put(key, claimed, **options)
            self._written(key, blob.size)
        except (StoreUnavailable, asyncio.CancelledError):
            self.doubt()  # it may have been written
            raise
        finally:
            claim.end()
            self._ended(key)
        return blob

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, and take them off. No page is read meanwhile, so that it either has them or has not."""
        async with self._paging:
            self._deleting = frozenset(keys)
            try:
                found = [blob for key in dict.fromkeys(keys) if (blob := await self._blobs.stat(key)) is not None]
                await self._blobs.delete(keys)
            except BaseException:
                self.doubt()
                raise
            finally:
                self._deleting = frozenset()
            for blob in found:
                self._deleted(blob)
            if not self._under_way.keys().isdisjoint(keys):
                self.doubt()  # it is added after this, and may be gone

    def check(self, size: int) -> None:
        """Raise `QuotaExceeded` if so many bytes more would pass the bound."""
        there = max(self.total, self._tally.total) if self._tally is not None else self.total
        if self.bytes_max and there + self.claimed + size > self.bytes_max:
            message = f"{self._workspace!r} stores {there:,} bytes, and {size:,} more would pass the bound"
            raise QuotaExceeded(f"{message}; quota.stored_bytes_max is {self.bytes_max:,}", RETRY_AFTER_S)

    async def _claimed(self, claim: Claim, key: str, content: Content) -> Content:
        """Return what to write, once it is claimed; a stream is, as it goes."""
        if not self._first.is_set():
            with anyio.move_on_after(PATIENCE_S):
                await self._first.wait()
        try:
            size = await anyio.to_thread.run_sync(_size, content) if isinstance(content, Path) else _length(content)
            claim.grow(size)
        except QuotaExceeded:
            if await self._blobs.stat(key) is None:
                raise
            raise BlobExists(key) from None  # which adds nothing
        return claim.along(content) if isinstance(content, AsyncIterable) else content

    def _written(self, key: str, size: int) -> None:
        if key in self._deleting:
            self.doubt()  # it is there or gone, and the delete does not know of it
        if self._tally is not None and key not in self._added_early:
            self._tally.written(key, size)
        if self._tally is not None or key not in self._added_early:
            self.total += size
        self._added_early.discard(key)

    def _deleted(self, blob: Blob) -> None:
        self.total -= blob.size
        if self._tally is not None:
            self._tally.deleted(blob.key, blob.size)

    def _ended(self, key: str) -> None:
        left = self._under_way.pop(key) - 1
        if left:
            self._under_way[key] = left
        else:
            self._added_early.discard(key)


def _length(content: object) -> int:
    """Return how many bytes a piece of content has; what is none, the store will refuse."""
    return memoryview(content).nbytes if isinstance(content, bytes | bytearray | memoryview) else 0


def _size(path: Path) -> int:
    """Return how long a file is; of one that can not be read, the store will say so."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
