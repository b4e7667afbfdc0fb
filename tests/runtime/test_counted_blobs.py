"""A store that counts is a store: it keeps the whole contract, whether a workspace's bytes have a bound or not."""

from contextlib import asynccontextmanager

import anyio
import pytest

from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import QuotaExceeded
from kyanite.runtime.counted_blobs import CountedBlobs
from kyanite.runtime.stored_bytes import StoredBytes
from kyanite.testing.blobs import BlobContract


class TestOfAWorkspaceWithoutABound(BlobContract):
    @pytest.fixture(autouse=True)
    def _store(self):
        self.inner = MemoryBlobs()
        self.counts = {}

    @asynccontextmanager
    async def opened(self, *, read_only=False):
        blobs = CountedBlobs(self.inner, self.counts, refuses=True)
        await blobs.open(read_only=read_only)
        try:
            yield blobs
        finally:
            await blobs.aclose()


class TestOfAWorkspaceWithABound(TestOfAWorkspaceWithoutABound):
    @asynccontextmanager
    async def opened(self, *, read_only=False):
        async with super().opened(read_only=read_only) as blobs, anyio.create_task_group() as tasks:
            stored = self.counts["default"] = StoredBytes(self.inner, "default")
            stored.bytes_max = 1 << 40
            tasks.start_soon(stored.count)
            yield blobs
            there = sum(blob.size for blob, _ in self.inner._objects.values() if blob.key.startswith("default/"))
            assert not stored.counted or stored._doubt.is_set() or stored.total == there
            tasks.cancel_scope.cancel()


async def test_each_workspace_is_counted_by_itself_and_outputs_are_always_taken():
    inner, counts = MemoryBlobs(), {}
    bounded, counted = (CountedBlobs(inner, counts, refuses=refuses) for refuses in (True, False))
    await inner.open()
    await inner.put("team/c/0", b"123")
    async with anyio.create_task_group() as tasks:
        stored = counts["team"] = StoredBytes(inner, "team")
        stored.bytes_max = 5
        tasks.start_soon(stored.count)
        await bounded.put("other/c/1", b"1234567890")
        await bounded.put("teams/c/1", b"1234567890")
        await bounded.put("team/c/1", b"12", content_type="text/plain")
        with pytest.raises(QuotaExceeded):
            await bounded.put("team/c/2", b"1")
        await counted.put("team/c/out", b"1234567890")
        assert stored.total == 15
        assert (await inner.stat("team/c/1")).content_type == "text/plain"
        await bounded.delete(["team/c/out", "other/c/1", "team/c/none", "team/c/0", "team/c/0"])
        assert stored.total == 2
        assert [blob.key for blob in await bounded.page()] == ["team/c/1", "teams/c/1"]
        tasks.cancel_scope.cancel()


def test_it_shows_itself_as_what_it_stands_before():
    assert repr(CountedBlobs(MemoryBlobs(), {}, refuses=False)) == "<MemoryBlobs with 0 objects>"
