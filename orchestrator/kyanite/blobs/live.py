"""What a file store holds while it is open, and who is amid something with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kyanite.blobs.large import LargeStore
from kyanite.blobs.recent import Recent
from kyanite.blobs.small import SmallStore
from kyanite.blobs.tree import Tree
from kyanite.ports import Blob


class Live:
    """The parts of an open store. Whoever awaits more than a single commit is counted, and `stop` waits for them."""

    def __init__(self, tree: Tree, small: SmallStore, large: LargeStore, recent_bytes_max: int) -> None:
        """Take over the parts; `start` starts them."""
        self.tree = tree
        self.small = small
        self.large = large
        # Another process that owns the store may delete what would be remembered here.
        self.recent = Recent(0 if tree.read_only else recent_bytes_max)
        self._forgotten = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopped = False

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the caller among those that `stop` waits for."""
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()
                self._let_go()

    async def stop(self) -> None:
        """Wait for all that is going on, and let go of everything; when cancelled, do not wait."""
        try:
            await self._idle.wait()
        finally:
            self._stopped = True
            try:
                await self.small.stop()
            finally:
                self.large.stop()
                self._let_go()

    async def find(self, key: str, *, content: bool) -> tuple[Blob, bytes | None] | None:
        """Look an object up on disk, and remember it if it was looked up with its content."""
        forgotten = self._forgotten
        found = await self.small.find(key, content=content)
        # A delete that was committed after this lookup may have been answered before it.
        if found and content and forgotten == self._forgotten:
            self.recent.keep(*found)
        return found

    def forget(self, keys: Sequence[str]) -> None:
        """Remember these no longer: they have been deleted."""
        self._forgotten += 1
        self.recent.drop(keys)

    def _let_go(self) -> None:
        if self._stopped and not self._busy:
            self.tree.close()
