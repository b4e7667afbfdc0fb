"""The one writer of the small store: everything that waits becomes one durable transaction.

Inserts alone, which is nearly always, are a single statement outside of BEGIN and COMMIT: SQLite then opens, commits
and syncs the transaction within the one step (`rows` says why steps count). A key that is taken makes that statement
fail as a whole and store nothing; the batch is then done again between BEGIN and COMMIT, where the taken key is skipped
and its neighbours are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import TypeAlias

import msgspec

from kyanite.blobs import rows
from kyanite.blobs.batches import Work
from kyanite.blobs.failures import SQLITE_CONSTRAINT, SQLITE_FULL, sqlite_code
from kyanite.blobs.tree import Tree
from kyanite.ports import Blob
from kyanite.space import emptied_journal

BATCH_MAX = 1024
CHECKPOINT_PAGES = 4000
CACHE_KIB = 16_384


class Insert(Work, eq=False, kw_only=True):
    """Store a row unless its key is taken; no content: it is in a file. Outcome: whether it was stored."""

    blob: Blob
    content: bytes | None


class Remove(Work, eq=False, kw_only=True):
    """Remove rows. Outcome: the names in `tmp` under which their files, if any, wait to be cleared."""

    keys: list[str]


class IsTaken(Work, eq=False, kw_only=True):
    """Outcome: whether the key is taken, after all that was asked for before."""

    key: str


Change: TypeAlias = Insert | Remove | IsTaken
Burial: TypeAlias = tuple[str, list[str], list[str]]
"""The name of a note, the keys that it notes, and the outcome that the files' new names go to."""


class Committer:
    """Holds the connection that writes; lives in the writer thread."""

    def __init__(self, tree: Tree, connect: rows.Connect, synchronous: str) -> None:
        """Open the database, creating it if need be, and clear away what a crash left."""
        self._tree = tree
        self._was_full = False
        self._connection = connect(rows.database_uri(tree.root, read_only=False))
        try:
            for pragma in (
                "journal_mode = WAL",
                f"synchronous = {synchronous}",
                f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
                f"cache_size = -{CACHE_KIB}",
                "secure_delete = OFF",  # some builds wipe by default what an update frees, which costs
            ):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            rows.check_schema(self._connection, create=True)
            tree.recover(lambda keys: set(self._in_files(keys)))
            self._next_id: int = rows.scalar(self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM blob"))
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection; SQLite moves the journal into the file."""
        self._connection.close()

    def answer(self, batch: Sequence[Change]) -> Sequence[object]:
        """Do all of it, in this order, and return the outcomes; an exception as outcome: nothing was stored, or
        nobody knows, as its kind says.
        """
        try:
            outcomes = self._answer(batch)
        except Exception as error:
            self._was_full |= sqlite_code(error) == SQLITE_FULL
            raise
        if self._was_full:
            self._was_full = not emptied_journal(self._connection)
        return outcomes

    def _answer(self, batch: Sequence[Change]) -> Sequence[object]:
        inserts = [work for work in batch if isinstance(work, Insert)]
        if len(inserts) == len(batch):
            try:
                self._insert(inserts, refuse_quietly=False)
            except Exception as error:
                self._roll_back()
                if sqlite_code(error) != SQLITE_CONSTRAINT:
                    raise
            else:
                return [True] * len(batch)
        return self._transact(batch)

    def _transact(self, batch: Sequence[Change]) -> Sequence[object]:
        outcomes: list[object] = []
        buried: list[Burial] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for _, run in groupby(batch, type):
                outcomes += self._apply(list(run), buried)
            self._connection.execute("COMMIT")
        except Exception:
            self._roll_back()
            self._tree.clear(name for name, _, _ in buried)
            raise
        for name, keys, outcome in buried:
            # The rows are gone, and so are the objects: a file that stays is noted, and the next open removes it.
            with suppress(OSError):
                outcome.extend(self._tree.bury(name, keys))
        return outcomes

    def _apply(self, run: Sequence[Change], buried: list[Burial]) -> list[object]:
        if inserts := [work for work in run if isinstance(work, Insert)]:
            return self._insert_new(inserts)
        return [self._alone(work, buried) for work in run if not isinstance(work, Insert)]

    def _insert(self, inserts: Sequence[Insert], *, refuse_quietly: bool) -> int:
        first = self._next_id
        self._next_id += len(inserts)
        width = rows.width_for(len(inserts))
        values = rows.insert_values(first, [(work.blob, work.content) for work in inserts], width)
        self._connection.execute(rows.insert_sql(width, refuse_quietly=refuse_quietly), values)
        return first

    def _insert_new(self, inserts: Sequence[Insert]) -> list[object]:
        first = self._insert(inserts, refuse_quietly=True)
        new = set(msgspec.json.decode(rows.scalar(self._connection.execute(rows.NEW_IDS, (first,)))))
        return [number in new for number in range(first, first + len(inserts))]

    def _alone(self, work: Remove | IsTaken, buried: list[Burial]) -> object:
        if isinstance(work, IsTaken):
            return bool(rows.scalar(self._connection.execute(rows.IS_TAKEN, (work.key,))))
        names: list[str] = []
        if in_files := self._in_files(work.keys):
            buried.append((self._tree.name(), in_files, names))
            self._tree.note(buried[-1][0], in_files)
        self._connection.execute(rows.REMOVE, (msgspec.json.encode(work.keys).decode(),))
        return names

    def _in_files(self, keys: Sequence[str]) -> list[str]:
        found = self._connection.execute(rows.IN_FILES, (msgspec.json.encode(keys).decode(),))
        return msgspec.json.decode(rows.scalar(found), type=list[str])

    def _roll_back(self) -> None:
        # After some errors SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
