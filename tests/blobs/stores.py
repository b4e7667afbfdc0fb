"""Opening stores, and looking under their carpets."""

from contextlib import asynccontextmanager

from kyanite.blobs.files import FileBlobs
from kyanite.testing.blobs import some_bytes

LARGE = some_bytes(100_000)
SMALL = b"a small object"


@asynccontextmanager
async def opened(root, *, read_only=False, **options):
    blobs = FileBlobs(root, **options)
    await blobs.open(read_only=read_only)
    try:
        yield blobs
    finally:
        await blobs.aclose()


def files_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
