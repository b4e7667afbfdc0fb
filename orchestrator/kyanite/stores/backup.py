"""A copy of one SQLite file, made by SQLite's online backup while other processes write to it.

A read transaction is open from before the first page to after the last: the copy is the file at one moment, however
long it takes, and no commit waits for it. The write-ahead log is not folded into the file meanwhile, and grows.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from kyanite.core.events import decode_details
from kyanite.core.job import JobDetails
from kyanite.stores.batch import SQL, transaction
from kyanite.stores.seam import mapped, readable

PAGES_A_STEP = 4_096
"""How many pages are copied between two calls of `tick`: 16 MiB."""
PRIVATE = 0o600

_BURIED_SINCE = """
SELECT jobs.seq, jobs.body FROM jobs
JOIN live.tombstones ON tombstones.workspace = jobs.workspace AND tombstones.id = jobs.id
"""


def copy_database(source: Path, copy: Path, tick: Callable[[], object]) -> None:
    """Copy one SQLite file durably to where there is none; `tick` is called now and then, and may raise to end it.

    Raises `StoreUnavailable`, `StoreCorrupt`, `StorageFull`.
    """
    with mapped(source):
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
        with closing(_opened(source)) as original, closing(_opened(copy)) as target:
            # Without this, each step would be a read transaction of its own, and a commit in between a new beginning.
            original.execute("BEGIN")
            original.execute("SELECT count(*) FROM sqlite_master").fetchall()
            original.backup(target, pages=PAGES_A_STEP, progress=lambda *_: tick())


def bury_deleted(source: Path, copy: Path) -> list[JobDetails]:
    """Delete from a copied store the jobs that have been deleted from the original by now, and return what they were.

    Some had not ended when they were copied, and so could not be purged.
    """
    with mapped(source), closing(_opened(copy)) as connection:
        connection.execute("ATTACH ? AS live", (_uri(source),))
        found = connection.execute(_BURIED_SINCE).fetchall()
        connection.execute("DETACH live")  # a transaction that writes would lock it, too
        rows = [(seq, readable(decode_details, body)) for seq, body in found]
        transaction(connection, lambda: _bury(connection, rows))
        return [details for _, details in rows]


def _bury(connection: sqlite3.Connection, rows: Iterable[tuple[int, JobDetails]]) -> None:
    for seq, details in rows:
        connection.execute(SQL["bury"], (details.workspace, details.id, seq))
        for name in ("delete_tags", "delete_job_session", "delete_job"):
            connection.execute(SQL[name], (seq,))


def count_jobs(path: Path) -> int:
    """Return how many jobs a store has, in all workspaces."""
    with mapped(path), closing(_opened(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(_uri(path), uri=True, isolation_level=None, timeout=5.0)


def _uri(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=rw"
