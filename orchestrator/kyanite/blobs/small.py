"""The rows of all objects, and the content of small ones, as coroutines: one thread writes, a few read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from kyanite.blobs.batches import BatchThreads, Work
from kyanite.blobs.committer import BATCH_MAX as CHANGES_MAX
from kyanite.blobs.committer import Change, Committer, Insert, IsTaken, Remove
from kyanite.blobs.failures import failure
from kyanite.blobs.lookups import BATCH_MAX as QUESTIONS_MAX
from kyanite.blobs.lookups import Find, Lookups, Page, Question
from kyanite.blobs.patience import Patience
from kyanite.blobs.rows import Connect
from kyanite.blobs.tree import Tree
from kyanite.errors import ReadOnly
from kyanite.ports import Blob

READERS = 2

W = TypeVar("W", bound=Work)


class SmallStore:
    """Raises what `failure` makes of what went wrong. After a cancellation the outcome is unknown."""

    def __init__(self, tree: Tree, connect: Connect, synchronous: str) -> None:
        """Prepare the threads; `start` starts them."""
        self._where = f"blob store {tree.root}"
        self._loop = asyncio.get_running_loop()
        self._writer: BatchThreads[Change] | None = None
        if not tree.read_only:
            serve = partial(Committer, tree, connect, synchronous)
            self._writer = BatchThreads("kyanite-blobs-writer", serve, batch_max=CHANGES_MAX)
        look = partial(Lookups, tree.root, connect)
        self._readers: BatchThreads[Question] = BatchThreads(
            "kyanite-blobs-reader", look, batch_max=QUESTIONS_MAX, threads=READERS
        )

    async def start(self) -> None:
        """Open the database, bring it up to date, and clear away what a crash left."""
        try:
            if self._writer:
                await self._writer.start()
            await self._readers.start()
        except Exception as error:
            await self.stop()
            raise failure(error, self._where) from error

    async def stop(self) -> None:
        """Finish what was asked for, and close the database."""
        # The writer last: only the last connection to close may write, and it moves the journal into the file.
        await self._readers.stop()
        if self._writer:
            await self._writer.stop()

    async def insert(self, blob: Blob, content: bytes | None, patience: Patience | None = None) -> bool:
        """Store a row durably, and return whether its key was free."""
        weight = len(content) if content else 0
        work = Insert(future=self._loop.create_future(), weight_bytes=weight, blob=blob, content=content)
        return bool(await self._ask(self._changes(), work, patience))

    async def remove(self, keys: Sequence[str]) -> list[str]:
        """Remove rows durably; what is returned waits in `tmp` to be cleared."""
        names: list[str] = await self._ask(self._changes(), Remove(future=self._loop.create_future(), keys=list(keys)))
        return names

    async def is_taken(self, key: str, patience: Patience | None = None) -> bool:
        """Say whether the key is taken, after all that was asked for before."""
        work = IsTaken(future=self._loop.create_future(), key=key)
        return bool(await self._ask(self._changes(), work, patience))

    async def find(self, key: str, *, content: bool) -> tuple[Blob, bytes | None] | None:
        """Return record and, of a small object if wanted, the content. Raises `BlobCorrupt`."""
        found: tuple[Blob, bytes | None] | None = await self._ask(
            self._readers, Find(future=self._loop.create_future(), key=key, content=content)
        )
        return found

    async def page(self, prefix: str, after: str, limit: int) -> list[Blob]:
        """Return the next records by key."""
        work = Page(future=self._loop.create_future(), prefix=prefix, after=after, limit=limit)
        blobs: list[Blob] = await self._ask(self._readers, work)
        return blobs

    def _changes(self) -> BatchThreads[Change]:
        if self._writer is None:
            raise ReadOnly(self._where)
        return self._writer

    async def _ask(self, threads: BatchThreads[W], work: W, patience: Patience | None = None) -> Any:
        threads.submit(work)
        outcome = await (patience.wait(work.future) if patience else work.future)
        if isinstance(outcome, Exception):
            raise failure(outcome, self._where) from outcome
        return outcome
