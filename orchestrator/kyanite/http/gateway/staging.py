"""Blocks that wait to become a blob, as coroutines: bounded in number and size for each blob, kept over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import ParamSpec, TypeVar

from kyanite.blobs.draft import piece_bytes
from kyanite.blobs.failures import seam
from kyanite.blobs.patience import Patience
from kyanite.errors import StoreUnavailable
from kyanite.http.gateway.block_files import BlockFiles, Blocks, append, drop, finish
from kyanite.http.gateway.faults import Fault
from kyanite.runtime.stored_bytes import StoredBytes

BLOCKS_MAX = 50_000

_KNOWN_MAX = 256

P = ParamSpec("P")
R = TypeVar("R")


class _Waiting:
    """The blocks of one blob: the size of each by its file's name, and how many are just being written.

    Their bytes count as stored ones of its workspace.
    """

    def __init__(self, path: Path, sizes: dict[str, int], stored: StoredBytes) -> None:
        self.path = path
        self.sizes = sizes
        self.stored = stored
        self.bytes = sum(sizes.values())
        self.coming = 0
        self.turn = asyncio.Lock()

    @property
    def in_use(self) -> bool:
        return self.coming > 0 or self.turn.locked()

    def grow(self, size: int) -> None:
        """Count so many bytes more, or fewer if it is negative."""
        self.bytes += size
        self.stored.claimed += size


class Staging:
    """The blocks of all blobs that are being uploaded, at most `bytes_max` a blob, and within a workspace's bound.

    `stored` returns what a workspace stores. Everything raises `StorageFull` and `StoreUnavailable`, as a blob store
    does.
    """

    def __init__(self, root: Path, bytes_max: int, stored: Callable[[str], StoredBytes]) -> None:
        """Keep them under this folder, which is made with the first block."""
        self._files = BlockFiles(root)
        self._bytes_max = bytes_max
        self._stored = stored
        self._known: dict[str, _Waiting] = {}
        self._streams = 0
        self._opening = asyncio.Lock()
        self._numbers = count(1)

    async def recall(self) -> None:
        """Count what waits since before; to be called once, before anything else is."""
        for workspace, size in (await _in_thread(self._files.waiting)).items():
            self._stored(workspace).claimed += size

    async def put(self, key: str, block: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Keep a block of the blob, in place of one of the same id.

        Raises `Fault` and `QuotaExceeded`; then all is as it was.
        """
        waiting, name = await self._of(key), block.hex()
        if name not in waiting.sizes and len(waiting.sizes) + waiting.coming >= BLOCKS_MAX:
            raise Fault(409, "BlockCountExceedsLimit", f"at most {BLOCKS_MAX} blocks can wait to become a blob")
        waiting.coming += 1
        try:
            size = await self._written(waiting, name, chunks)
            waiting.grow(-waiting.sizes.get(name, 0))
            waiting.sizes[name] = size
        finally:
            waiting.coming -= 1

    async def sizes(self, key: str) -> dict[bytes, int]:
        """Return the sizes of the blocks that wait, by their ids."""
        return {bytes.fromhex(name): size for name, size in (await self._of(key)).sizes.items()}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Let nobody else make a blob of these as long as the block lasts. The blob takes their place in the sum."""
        waiting = await self._of(key)
        async with waiting.turn:
            lent = waiting.bytes
            waiting.stored.claimed -= lent
            try:
                yield
            finally:
                waiting.stored.claimed += lent

    async def content(self, key: str, blocks: Sequence[bytes]) -> AsyncGenerator[bytes]:
        """Yield the content of these blocks, one behind the other."""
        folder = self._files.folder(key)
        source = Blocks(folder / block.hex() for block in blocks)
        try:
            while piece := await _in_thread(source.read):
                yield piece
        finally:
            source.close()

    async def discard(self, key: str) -> None:
        """Forget the blocks of a blob; those that are just coming stay."""
        waiting = await self._of(key)
        names = list(waiting.sizes)
        waiting.grow(-sum(waiting.sizes.values()))
        waiting.sizes.clear()
        await _in_thread(self._files.remove, waiting.path, names)

    async def sweep(self, oldest_kept: datetime) -> int:
        """Remove the blocks of blobs that nobody has added to since then; return of how many blobs."""
        async with self._opening:
            self._known = {key: waiting for key, waiting in self._known.items() if waiting.in_use}
            used = {waiting.path for waiting in self._known.values()}
            removed = await _in_thread(self._files.sweep, oldest_kept, used)
            for workspace, freed in removed:
                if freed:
                    self._stored(workspace).claimed -= freed
            return len(removed)

    async def _of(self, key: str) -> _Waiting:
        async with self._opening:
            waiting = self._known.get(key)
            if waiting is None:
                self._forget()
                path = self._files.folder(key)
                sizes = await _in_thread(self._files.found, path)
                waiting = self._known[key] = _Waiting(path, sizes, self._stored(key.partition("/")[0]))
            return waiting

    def _forget(self) -> None:
        """Keep little in memory of what can be looked up again."""
        idle = [key for key, waiting in self._known.items() if not waiting.in_use]
        for key in idle[: max(0, len(self._known) - _KNOWN_MAX + 1)]:
            del self._known[key]

    async def _written(self, waiting: _Waiting, name: str, chunks: AsyncIterator[bytes]) -> int:
        """Write a block's file, or none, and return its size."""
        size, file = 0, None
        self._streams += 1
        try:
            with Patience() as patience:
                file = await patience.wait(_hop(self._files.draft, waiting.path, next(self._numbers)))
            async for piece in self._pieces(chunks):
                waiting.stored.check(len(piece))
                size += len(piece)
                waiting.grow(len(piece))
                self._check(waiting)
                await _in_thread(append, file, piece)
            await _in_thread(finish, file, name)
        except BaseException:
            waiting.grow(-size)
            if file is not None:
                with suppress(StoreUnavailable):  # a sweep will find it; what led here matters more
                    await _in_thread(drop, file)
            raise
        finally:
            self._streams -= 1
        return size

    async def _pieces(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytearray]:
        """Yield what the chunks hold in pieces that are worth a thread's while."""
        piece = bytearray()
        async for chunk in chunks:
            piece += chunk
            if len(piece) >= piece_bytes(self._streams):
                yield piece
                piece = bytearray()
        if piece:
            yield piece

    def _check(self, waiting: _Waiting) -> None:
        if waiting.bytes > self._bytes_max:
            raise Fault(413, "RequestBodyTooLarge", f"a blob has at most {self._bytes_max:,} bytes")


async def _in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    with Patience() as patience:
        return await patience.wait(_hop(call, *args, **kwargs))


def _hop(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    def mapped() -> R:
        with seam("staging"):
            return call(*args, **kwargs)

    return asyncio.get_running_loop().run_in_executor(None, mapped)
