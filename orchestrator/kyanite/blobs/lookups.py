"""Reading the small store: each thread has a connection that can not write, and one statement serves all that wait."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from kyanite.blobs import rows
from kyanite.blobs.batches import Work
from kyanite.errors import BlobCorrupt

BATCH_MAX = 128


class Find(Work, eq=False, kw_only=True):
    """Outcome: record and content (`None` for a large object, or if not wanted), `None`, or `BlobCorrupt`."""

    key: str
    content: bool


class Page(Work, eq=False, kw_only=True):
    """Outcome: the records of the next `limit` objects by key."""

    prefix: str
    after: str
    limit: int


Question: TypeAlias = Find | Page


class Lookups:
    """Holds one connection that reads; lives in a reader thread."""

    def __init__(self, root: Path, connect: rows.Connect) -> None:
        """Open the database, which must be there."""
        self._connection = connect(rows.database_uri(root, read_only=True))
        try:
            rows.check_schema(self._connection, create=False)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def answer(self, batch: Sequence[Question]) -> Sequence[object]:
        """Return an outcome for each question."""
        outcomes: dict[int, object] = {}
        finds = [work for work in batch if isinstance(work, Find)]
        for content in (True, False):
            alike = [work for work in finds if work.content is content]
            outcomes |= zip(map(id, alike), self._find(alike, content=content), strict=True)
        outcomes |= {id(work): self._page(work) for work in batch if isinstance(work, Page)}
        return [outcomes[id(work)] for work in batch]

    def _find(self, finds: Sequence[Find], *, content: bool) -> list[object]:
        if not finds:
            return []
        width = rows.width_for(len(finds))
        keys = [work.key for work in finds] + [None] * (width - len(finds))
        values = [key for key in keys for _ in range(2)] if content else keys
        (row,) = self._connection.execute(rows.find_sql(width, content=content), values).fetchall()
        if not content:
            return [_found(work.key, row[number], None) for number, work in enumerate(finds)]
        return [_found(work.key, row[2 * number], row[2 * number + 1]) for number, work in enumerate(finds)]

    def _page(self, work: Page) -> object:
        values = (work.after, work.prefix, rows.after_prefix(work.prefix), work.limit)
        try:
            return rows.decode_page(rows.scalar(self._connection.execute(rows.PAGE, values)))
        except Exception as error:  # noqa: BLE001  # the outcome of this question only
            return error


def _found(key: str, record: bytes | None, content: bytes | None) -> object:
    if record is None:
        return None
    try:
        blob = rows.decode_record(record, key)
    except BlobCorrupt as error:
        return error
    if blob.key != key:
        return BlobCorrupt(f"{key} leads to the record of another object")
    if content is not None and (len(content), hashlib.sha256(content).hexdigest()) != (blob.size, blob.sha256):
        return BlobCorrupt(f"{key} does not have the size and hash that were recorded")
    return blob, content
