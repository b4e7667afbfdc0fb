"""Large objects as coroutines: drafted in `tmp`, moved into place, and there once their row is committed.

Whatever blocks happens in a few threads, a piece at a time, so that a cancellation is heeded between two pieces.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from weakref import WeakValueDictionary

from kyanite.blobs.draft import PIECE_BYTES, Draft, piece_bytes
from kyanite.blobs.failures import seam
from kyanite.blobs.label import checked_chunk, sealed
from kyanite.blobs.patience import Patience
from kyanite.blobs.small import SmallStore
from kyanite.blobs.tree import Tree
from kyanite.errors import (
    BlobCorrupt,
    BlobExists,
    BlobMissing,
    InvalidRequest,
    KyaniteError,
    StoreUnavailable,
    WorkspaceClosed,
)
from kyanite.ports import Blob

if TYPE_CHECKING:
    from _hashlib import HASH

THREADS = 4
# What one thread hop does at most: some 20 ms of work, against 0.12 ms for the hop.
HOP_BYTES = 16 * PIECE_BYTES

P = ParamSpec("P")
R = TypeVar("R")


class LargeStore:
    """The files of large objects; whether an object exists is for the rows of the small store to say."""

    def __init__(self, tree: Tree, small: SmallStore, inline_max: int) -> None:
        """Start no thread before there is work."""
        self._tree = tree
        self._small = small
        self._inline_max = inline_max
        self._where = f"blob store {tree.root}"
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, "kyanite-blobs-large")
        self._stopped = False
        self._streams = 0
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def stop(self) -> None:
        """Let the threads end, which have nothing left to do."""
        self._stopped = True
        self._threads.shutdown(wait=False)

    async def draft_bytes(self, key: str, content: memoryview) -> Draft:
        """Write what is in memory already."""
        draft = None
        try:
            with Patience() as patience:
                draft = await self._new_draft(key, patience)
            for start in range(0, len(content), HOP_BYTES):
                await self._in_thread(draft.write, content[start : start + HOP_BYTES])
        except BaseException:
            await self._discard(draft)
            raise
        return draft

    async def draft_stream(self, key: str, content: AsyncIterable[bytes]) -> bytes | Draft:
        """Read a stream to its end; return its bytes if they are few, else a draft."""
        draft = None
        waiting = bytearray()
        self._streams += 1
        try:
            async for chunk in content:
                waiting += checked_chunk(chunk)
                if draft is None and len(waiting) > self._inline_max:
                    with Patience() as patience:
                        draft = await self._new_draft(key, patience)
                if draft is not None and len(waiting) >= piece_bytes(self._streams):
                    full, waiting = waiting, bytearray()
                    await self._in_thread(draft.write, full)
            if draft is None:
                return bytes(waiting)
            await self._in_thread(draft.write, waiting)
        except BaseException:
            await self._discard(draft)
            raise
        finally:
            self._streams -= 1
        return draft

    async def draft_file(self, key: str, path: Path) -> bytes | Draft:
        """Copy a file; return its bytes if they are few, else a draft."""
        source = draft = None
        try:
            with Patience() as patience:
                source = await patience.wait(self._hop(_open_source, path))
            head = await self._in_thread(_read_head, source, self._inline_max)
            if head is not None:
                return head
            with Patience() as patience:
                draft = await self._new_draft(key, patience)
            while await self._in_thread(draft.copy, source, HOP_BYTES):
                pass
        except BaseException:
            await self._discard(draft)
            raise
        finally:
            if source is not None:
                os.close(source)
        return draft

    async def publish(self, outline: Blob, draft: Draft) -> Blob:
        """Make an object of the draft. Raises `BlobExists`; the draft is gone in any case."""
        note_stays = False
        try:
            await self._in_thread(draft.finish)
            blob = sealed(outline, draft.size, draft.sha256)
            async with self._turn(blob.key):
                with Patience() as patience:
                    await self._place(patience, draft, blob.key)
                    await self._commit(patience, blob)
        except StoreUnavailable:
            # The row may be there or not: the file must stay, and the next open must look.
            note_stays = True
            raise
        finally:
            await self._discard(draft, note_stays=note_stays)
        return blob

    async def clear(self, names: list[str]) -> None:
        """Remove what a delete left in `tmp`: with large files that takes a while."""
        await self._in_thread(self._tree.clear, names)

    async def get(self, blob: Blob) -> bytes:
        """Return the whole content. Raises `BlobMissing`, `BlobCorrupt`."""
        content = await self._in_thread(_read_whole, self._tree, blob)
        if content is None:
            raise await self._absence(blob.key)
        return content

    async def read(self, blob: Blob, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield bytes `start` to `end` in chunks. Raises `BlobMissing`, `BlobCorrupt`."""
        digest = hashlib.sha256() if end - start == blob.size else None
        source = None
        try:
            with Patience() as patience:
                source = await patience.wait(self._hop(_open_object, self._tree, blob))
            if source is None:
                raise await self._absence(blob.key)
            while start < end:
                chunk = await self._in_thread(_read_piece, source, min(PIECE_BYTES, end - start), start, digest)
                if not chunk:
                    raise BlobCorrupt(f"{blob.key} is shorter than was recorded")
                start += len(chunk)
                yield chunk
            if digest is not None and digest.hexdigest() != blob.sha256:
                raise BlobCorrupt(f"{blob.key} does not have the hash that was recorded")
        finally:
            if source is not None:
                os.close(source)

    def local_path(self, key: str) -> Path | None:
        """Return the file in this key's place, unless it is only about to become an object."""
        return None if key in self._turns else self._tree.path(key)

    async def _new_draft(self, key: str, patience: Patience) -> Draft:
        # Before a large content is read for nothing; who wins a race is decided by the commit.
        if await self._small.is_taken(key, patience):
            raise BlobExists(key)
        return await patience.wait(self._hop(Draft, self._tree))

    async def _discard(self, draft: Draft | None, *, note_stays: bool = False) -> None:
        # What can not be removed now is removed by the next open; the error that led here matters more.
        if draft is not None:
            with suppress(KyaniteError), Patience() as patience:
                await patience.wait(self._hop(draft.discard, note_stays=note_stays))

    async def _place(self, patience: Patience, draft: Draft, key: str) -> None:
        """Move the file into place; only one coroutine a key is here, and the writer thread answers in order."""
        if await patience.wait(self._hop(_place, self._tree, draft.name, key)):
            return
        if await self._small.is_taken(key, patience):
            raise BlobExists(key)
        # A file without a row: a commit failed, or a file could not be removed.
        await patience.wait(self._hop(self._tree.remove, key))
        if not await patience.wait(self._hop(_place, self._tree, draft.name, key)):
            raise StoreUnavailable(f"{self._where}: somebody else writes to the place of {key}")

    async def _commit(self, patience: Patience, blob: Blob) -> None:
        try:
            stored = await self._small.insert(blob, None, patience)
        except StoreUnavailable:
            raise
        except Exception:
            await patience.wait(self._hop(self._tree.remove, blob.key))
            raise
        if not stored:
            await patience.wait(self._hop(self._tree.remove, blob.key))
            raise BlobExists(blob.key)

    async def _absence(self, key: str) -> KyaniteError:
        if await self._small.find(key, content=False) is None:
            return BlobMissing(key)
        return BlobCorrupt(f"the file of {key} is gone")

    def _turn(self, key: str) -> asyncio.Lock:
        return self._turns.setdefault(key, asyncio.Lock())

    async def _in_thread(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with Patience() as patience:
            return await patience.wait(self._hop(call, *args, **kwargs))

    def _hop(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        if self._stopped:
            raise WorkspaceClosed(self._where)

        def mapped() -> R:
            with seam(self._where):
                return call(*args, **kwargs)

        return self._loop.run_in_executor(self._threads, mapped)


def _open_source(path: Path) -> int:
    try:
        # Not waiting for a pipe's other end.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise InvalidRequest("content", f"can not be read from {path}: {error.strerror}") from error


def _read_head(source: int, inline_max: int) -> bytes | None:
    """Return a small file's content; `None` for a larger one, to be read from its start."""
    try:
        head = os.pread(source, inline_max + 1, 0)
        while 0 < len(head) <= inline_max and (more := os.pread(source, inline_max + 1 - len(head), len(head))):
            head += more
    except OSError as error:
        raise InvalidRequest("content", f"can not be read: {error.strerror}") from error
    return head if len(head) <= inline_max else None


def _place(tree: Tree, name: str, key: str) -> bool:
    try:
        tree.place(name, key)
    except FileExistsError:
        return False
    return True


def _open_object(tree: Tree, blob: Blob) -> int | None:
    try:
        descriptor = tree.open(blob.key)
    except FileNotFoundError:
        return None
    if os.fstat(descriptor).st_size != blob.size:
        os.close(descriptor)
        raise BlobCorrupt(f"{blob.key} does not have the size that was recorded")
    return descriptor


def _read_whole(tree: Tree, blob: Blob) -> bytes | None:
    descriptor = _open_object(tree, blob)
    if descriptor is None:
        return None
    # Unbuffered, so that the content is read into one allocation of the file's size.
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        content = source.read()
    if hashlib.sha256(content).hexdigest() != blob.sha256:
        raise BlobCorrupt(f"{blob.key} does not have the hash that was recorded")
    return content


def _read_piece(source: int, limit: int, start: int, digest: HASH | None) -> bytes:
    chunk = os.pread(source, limit, start)
    if digest is not None:
        digest.update(chunk)
    return chunk
