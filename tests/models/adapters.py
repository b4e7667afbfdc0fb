"""Every adapter there is, by name: the one place where a new one is added to be compared with the model.

A factory takes the machine's folder and returns an adapter that is not open yet; one that is called again for the same
folder finds what was there. An adapter in memory is made once and kept.
"""

from dataclasses import dataclass

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.memory import MemoryBlobs
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore

LARGE = 1_000
"""From this size on an object is large to the adapters of blobs that make a difference."""


@dataclass(frozen=True)
class Adapter:
    """How an adapter is made, whether a new one finds what the one before left, and whether others may read along."""

    make: object
    persists: bool = False
    read_along: bool = False


JOB_STORES = {
    "memory": Adapter(lambda folder: MemoryStore()),
    "sqlite": Adapter(
        lambda folder: SQLiteStore(folder / "jobs.sqlite", synchronous="NORMAL"), persists=True, read_along=True
    ),
}
BLOB_STORES = {
    "memory": Adapter(lambda folder: MemoryBlobs()),
    "files": Adapter(
        lambda folder: FileBlobs(folder / "blobs", inline_max=LARGE, synchronous="NORMAL"),
        persists=True,
        read_along=True,
    ),
    "files without memory": Adapter(
        lambda folder: FileBlobs(folder / "blobs", inline_max=LARGE, synchronous="NORMAL", recent_bytes_max=0),
        persists=True,
        read_along=True,
    ),
}
