"""Blobs on the local file system.

All objects have a row in `<root>/small.sqlite` with their record: size, hash, type, metadata. Objects of at most
`inline_max` bytes have their content in it, too; many that wait share one commit, so that a small object costs no sync
of its own. The content of larger ones is a file under `<root>/objects`: written to `<root>/tmp`, synced, linked into
place without ever replacing another, its folders synced, and only then is the row committed. **The row is the object**:
a file without a row is invisible, and is overwritten or cleared away; a delete commits the row's removal first.

One process at a time writes to a root; others can open it read-only meanwhile. The root must lie on a local file system
that has hard links and honours `fsync`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

from kyanite.blobs.failures import seam
from kyanite.blobs.keys import safe_key
from kyanite.blobs.label import PLAIN_TYPE, checked_limit, checked_range, outlined, sealed, utc_now
from kyanite.blobs.large import LargeStore
from kyanite.blobs.live import Live
from kyanite.blobs.patience import Patience
from kyanite.blobs.rows import Connect, connect_sqlite3
from kyanite.blobs.small import SmallStore
from kyanite.blobs.tree import Tree
from kyanite.errors import BlobExists, BlobMissing, ConfigError, InvalidRequest, ReadOnly, WorkspaceClosed
from kyanite.ports import Blob, BlobStore, Content

SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
INLINE_MAX_LIMIT = 1024 * 1024
RECENT_BYTES_MAX = 16 * 1024 * 1024


class FileBlobs(BlobStore):
    """Blobs under one folder of the local file system.

    Args:
        root: the folder; made if missing.
        inline_max: the largest size in bytes, at most 1 MiB, that is kept in the SQLite file.
        synchronous: SQLite's setting. `FULL`: what was acknowledged survives a power cut; `NORMAL`: a crash of the
            process only.
        recent_bytes_max: how much of what was written or read lately is kept in memory.
        connect: opens a database by its `file:` URI.
        now: the wall clock, for `Blob.created`.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        inline_max: int = 65_536,
        synchronous: str = "FULL",
        recent_bytes_max: int = RECENT_BYTES_MAX,
        connect: Connect = connect_sqlite3,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Remember the settings; `open` touches the disk. Raises `ConfigError`."""
        if synchronous not in SYNCHRONOUS:
            raise ConfigError(f"synchronous must be one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}")
        if not 0 <= inline_max <= INLINE_MAX_LIMIT:
            raise ConfigError(f"inline_max must be between 0 and {INLINE_MAX_LIMIT} bytes, not {inline_max}")
        self.root = Path(root)
        self._inline_max = inline_max
        self._synchronous = synchronous
        self._recent_bytes_max = recent_bytes_max
        self._connect = connect
        self._now = now
        self._changing = asyncio.Lock()
        self._live: Live | None = None

    def __repr__(self) -> str:
        return f"FileBlobs({str(self.root)!r})"

    async def open(self, *, read_only: bool = False) -> None:
        async with self._changing:
            if self._live is None:
                self._live = await self._opened(read_only=read_only)

    async def aclose(self) -> None:
        async with self._changing:
            live, self._live = self._live, None
            if live is not None:
                await live.stop()

    async def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = PLAIN_TYPE,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Blob:
        live = self._writable()
        outline = outlined(key, self._now(), content_type, content_encoding, metadata)
        if isinstance(content, bytes) and len(content) <= self._inline_max:
            return await _put_small(live, outline, content)
        with live.busy():
            return await self._put_other(live, outline, content)

    async def stat(self, key: str) -> Blob | None:
        live = self._readable()
        kept = live.recent.get(safe_key(key))
        if kept is not None:
            return kept[0]
        with live.busy():
            found = await live.find(key, content=False)
        return found[0] if found else None

    async def get(self, key: str) -> bytes:
        live = self._readable()
        kept = live.recent.get(safe_key(key))
        if kept is not None and kept[1] is not None:
            return kept[1]
        with live.busy():
            found = kept or await live.find(key, content=True)
            if found is None:
                raise BlobMissing(key)
            blob, content = found
            return await live.large.get(blob) if content is None else content

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        live = self._readable()
        found = live.recent.get(safe_key(key))
        if found is None:
            with live.busy():
                found = await live.find(key, content=True)
        if found is None:
            raise BlobMissing(key)
        blob, content = found
        start, end = checked_range(blob, start, end)
        if content is not None:
            if start < end:
                yield content[start:end]
            return
        async with aclosing(live.large.read(blob, start, end)) as chunks:
            async for chunk in chunks:
                yield chunk
                self._readable()

    async def delete(self, keys: Sequence[str]) -> None:
        live = self._writable()
        keys = [safe_key(key) for key in keys]
        with live.busy():
            left = await live.small.remove(keys)
            live.forget(keys)
            if left:
                await live.large.clear(left)

    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        live = self._readable()
        with live.busy():
            return await live.small.page(prefix, after, checked_limit(limit))

    def local_path(self, key: str) -> Path | None:
        return self._readable().large.local_path(safe_key(key))

    def _readable(self) -> Live:
        if self._live is None:
            raise WorkspaceClosed(f"blob store {self.root}")
        return self._live

    def _writable(self) -> Live:
        live = self._readable()
        if live.tree.read_only:
            raise ReadOnly(f"blob store {self.root}")
        return live

    async def _put_other(self, live: Live, outline: Blob, content: Content) -> Blob:
        if isinstance(content, bytes | bytearray | memoryview):
            view = memoryview(content).cast("B")
            few = len(view) <= self._inline_max
            drafted = bytes(view) if few else await live.large.draft_bytes(outline.key, view)
        elif isinstance(content, Path):
            drafted = await live.large.draft_file(outline.key, content)
        elif isinstance(content, AsyncIterable):
            drafted = await live.large.draft_stream(outline.key, content)
        else:
            raise InvalidRequest("content", f"must be bytes, a path or a stream, not {type(content).__name__}")
        if isinstance(drafted, bytes):
            return await _put_small(live, outline, drafted)
        return await live.large.publish(outline, drafted)

    async def _opened(self, *, read_only: bool) -> Live:
        live = None
        try:
            with Patience() as patience:
                hop = asyncio.get_running_loop().run_in_executor(None, self._tree, read_only)
                tree = await patience.wait(hop)
                small = SmallStore(tree, self._connect, self._synchronous)
                live = Live(tree, small, LargeStore(tree, small, self._inline_max), self._recent_bytes_max)
            await small.start()
        except BaseException:
            if live is not None:
                await live.stop()
            raise
        return live

    def _tree(self, read_only: bool) -> Tree:  # noqa: FBT001  # called through an executor, which knows no keywords
        with seam(f"blob store {self.root}"):
            return Tree(self.root, read_only=read_only)


async def _put_small(live: Live, outline: Blob, content: bytes) -> Blob:
    blob = sealed(outline, len(content), hashlib.sha256(content).hexdigest())
    if not await live.small.insert(blob, content):
        raise BlobExists(blob.key)
    live.recent.keep(blob, content)
    return blob
