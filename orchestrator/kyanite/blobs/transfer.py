"""Moving large contents in and out of a blob store, a bounded number at once; small ones need no turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec

import anyio

from kyanite.blobs.failures import seam
from kyanite.blobs.patience import Patience
from kyanite.errors import BlobMissing
from kyanite.ports import Blob, BlobStore, Content

CONCURRENT_MAX = 16
SMALL_BYTES_MAX = 65_536

P = ParamSpec("P")


class Transfer:
    """At most `concurrent_max` large transfers at once; contents of at most `small_bytes_max` bytes do not count.

    Raises what the store raises.
    """

    def __init__(
        self, blobs: BlobStore, concurrent_max: int = CONCURRENT_MAX, *, small_bytes_max: int = SMALL_BYTES_MAX
    ) -> None:
        """Use this store, which the caller opens and closes."""
        self._blobs = blobs
        self._small_bytes_max = small_bytes_max
        self._limiter = anyio.CapacityLimiter(concurrent_max)

    def put(self, key: str, content: Content, **options: Any) -> Awaitable[Blob]:
        """Store as `BlobStore.put` does, when it is this content's turn. A path or a stream counts as large."""
        if isinstance(content, bytes) and len(content) <= self._small_bytes_max:
            return self._blobs.put(key, content, **options)
        return self._put_large(key, content, options)

    async def _put_large(self, key: str, content: Content, options: Mapping[str, Any]) -> Blob:
        async with self._limiter:
            return await self._blobs.put(key, content, **options)

    async def fetch_to(self, key: str, path: Path) -> Blob:
        """Write an object to a local file, which appears whole, checked against its hash, or not at all.

        An existing file is replaced. Not synced: it is a working copy. Raises `BlobMissing`, `BlobCorrupt`, and
        `StorageFull` if it does not fit.
        """
        blob = await self._blobs.stat(key)
        if blob is None:
            raise BlobMissing(key)
        if blob.size <= self._small_bytes_max:
            await copy_to(self._blobs.read(key), path)
        else:
            async with self._limiter:
                await copy_to(self._blobs.read(key), path)
        return blob


async def copy_to(chunks: AsyncIterable[bytes], path: Path) -> None:
    """Write chunks to a local file, which appears when they have ended, or, if they raise something, not at all.

    An existing file is replaced. Raises `StorageFull` if they do not fit.
    """
    copy = _Copy(path)
    try:
        async for chunk in chunks:
            await _in_thread(copy.write, chunk)
        await _in_thread(copy.appear)
    finally:
        await _in_thread(copy.close)


class _Copy:
    """A file beside `path` that becomes it at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with seam(str(path)):
            from tempfile import NamedTemporaryFile

            self._file = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name:.100}.", delete=False)  # noqa: SIM115

    def write(self, chunk: bytes) -> None:
        with seam(str(self._path)):
            self._file.write(chunk)

    def appear(self) -> None:
        with seam(str(self._path)):
            self._file.flush()
            Path(self._file.name).replace(self._path)

    def close(self) -> None:
        """Remove what has not appeared."""
        with suppress(OSError):
            self._file.close()
        Path(self._file.name).unlink(missing_ok=True)


async def _in_thread(call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    with Patience() as patience:
        await patience.wait(asyncio.get_running_loop().run_in_executor(None, partial(call, *args, **kwargs)))
