"""The blobs that rows name: whether each is there, and is what the row says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import anyio

from kyanite.blobs.keys import SCHEME, key_of
from kyanite.core.job import JobDetails
from kyanite.errors import BlobCorrupt, BlobMissing, InvalidRequest
from kyanite.ports import Blob, BlobStore
from kyanite.runtime.audit.each import each
from kyanite.runtime.audit.examination import Fault

PAGE = 1_024
LOOKUPS = 128
"""How many records are asked for at once: the local store answers so many in one go."""
FILES = 4
"""How many files are read at once."""
FILE_BYTES_MIN = 65_537
"""Blobs at least as large are files of their own where blobs are files: those are opened even when none is read."""


class Reference(NamedTuple):
    """A blob that a row names: as what, where, and what it must be like as far as the row says."""

    row: JobDetails
    role: Literal["input", "output"]
    uri: str
    key: str
    """Empty if the URI is none of this blob store's."""
    size: int | None
    sha256: str | None


class References:
    """Compares blobs with the rows that name them: their records, or with `read` their whole content."""

    def __init__(self, blobs: BlobStore, *, read: bool) -> None:
        """Look at these blobs."""
        self._blobs = blobs
        self._read = read
        self._files = anyio.Semaphore(FILES)

    async def faults(self, named: Sequence[Reference]) -> list[tuple[JobDetails, Fault]]:
        """Return what is wrong with these blobs, and by whose row. Raises `StoreUnavailable`."""
        records = await _records(self._blobs, [reference.key for reference in named if reference.key])
        found: list[tuple[JobDetails, Fault]] = []

        async def look(reference: Reference) -> None:
            fault = await self._fault(reference, records.get(reference.key))
            if fault is not None:
                found.append((reference.row, fault))

        await each(LOOKUPS, named, look)
        return found

    async def _fault(self, reference: Reference, known: Blob | None) -> Fault | None:
        name = f"the {reference.role} {reference.uri}"
        try:
            blob = known or (await self._blobs.stat(reference.key) if reference.key else None)
            if blob is None:
                return "blob-missing", f"{name} is not there"
            if reference.size is not None and blob.size != reference.size:
                return "blob-differs", f"{name} has {blob.size} bytes, by the row {reference.size}"
            if reference.sha256 is not None and blob.sha256 != reference.sha256:
                return "blob-differs", f"{name} has the hash {blob.sha256}, by the row {reference.sha256}"
            await self._open(blob)
        except BlobMissing:
            return "blob-missing", f"{name} is not there"
        except BlobCorrupt as error:
            return "blob-differs", f"{name}: {error}"
        return None

    async def _open(self, blob: Blob) -> None:
        """Read the blob to its end, which compares its hash, or of a file the last byte only."""
        if blob.size >= FILE_BYTES_MIN:
            async with self._files:
                await self._drain(blob, 0 if self._read else blob.size - 1)
        elif self._read:
            await self._drain(blob, 0)

    async def _drain(self, blob: Blob, start: int) -> None:
        async for _chunk in self._blobs.read(blob.key, start):
            continue


def references(row: JobDetails) -> Iterator[Reference]:
    """Yield the blobs that the row names and that its own blob store must have."""
    if row.input_data_uri.startswith(SCHEME):
        uri, size = row.input_data_uri, row.input_size if row.input_hash else None
        yield Reference(row, "input", uri, _key(uri), size, row.input_hash or None)
    uri = row.output_data_uri or ""
    if uri.startswith(SCHEME):
        yield Reference(row, "output", uri, _key(uri), row.output_size, row.output_hash)


async def _records(blobs: BlobStore, keys: Sequence[str]) -> dict[str, Blob]:
    """Return what is known of these blobs, as far as their keys lie close together: pages cost little."""
    found: dict[str, Blob] = {}
    if len(keys) < LOOKUPS:
        return found
    after, last = min(keys)[:-1], max(keys)
    for _ in range(len(keys) // PAGE + 1):
        try:
            page = await blobs.page("", after, PAGE)
        except BlobCorrupt:
            break  # one of the page can not be read; asked for by itself, it will say so
        found |= {blob.key: blob for blob in page}
        if len(page) < PAGE or page[-1].key >= last:
            break
        after = page[-1].key
    return found


def _key(uri: str) -> str:
    """Return the key in a URI of ours, empty if it can not be one."""
    try:
        return key_of(uri)
    except InvalidRequest:
        return ""
