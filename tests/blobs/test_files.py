from contextlib import asynccontextmanager

import pytest

from kyanite.blobs.files import FileBlobs
from kyanite.testing.blobs import BlobContract


class TestFileBlobs(BlobContract):
    @pytest.fixture(autouse=True)
    def _root(self, tmp_path):
        self.root = tmp_path / "blobs"

    @asynccontextmanager
    async def opened(self, *, read_only=False):
        blobs = FileBlobs(self.root)
        await blobs.open(read_only=read_only)
        try:
            yield blobs
        finally:
            await blobs.aclose()


class TestFileBlobsWithoutMemory(TestFileBlobs):
    """Every read comes from disk, and nearly everything is a file."""

    small_bytes_max = 10

    @asynccontextmanager
    async def opened(self, *, read_only=False):
        blobs = FileBlobs(self.root, inline_max=10, recent_bytes_max=0, synchronous="NORMAL")
        await blobs.open(read_only=read_only)
        try:
            yield blobs
        finally:
            await blobs.aclose()
