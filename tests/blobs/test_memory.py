from contextlib import asynccontextmanager

import pytest

from kyanite.blobs.memory import MemoryBlobs
from kyanite.testing.blobs import BlobContract


class TestMemoryBlobs(BlobContract):
    @pytest.fixture(autouse=True)
    def _store(self):
        self.store = MemoryBlobs()

    @asynccontextmanager
    async def opened(self, *, read_only=False):
        await self.store.open(read_only=read_only)
        try:
            yield self.store
        finally:
            await self.store.aclose()


async def test_the_clock_is_the_callers(fixed_time):
    blobs = MemoryBlobs(now=lambda: fixed_time)
    await blobs.open()
    assert (await blobs.put("a/b/c", b"")).created == fixed_time
    assert repr(blobs) == "<MemoryBlobs with 1 objects>"
