"""A job store in one SQLite file: WAL, one writer thread, readers of their own, every commit durable.

The journal hands over whole batches, and a commit is one statement whatever its size (see `batch`). Readers use their
own read-only connections in other threads: a long count never stalls a commit.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kyanite.core.events import EPOCH, Event, decode_details, decode_event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Attempt, Letter
from kyanite.core.session import Session, Tally
from kyanite.errors import Conflict, ReadOnly, StoreCorrupt, StoreUnavailable, WorkspaceClosed
from kyanite.folder import make_folder
from kyanite.ports import Cursor, JobQuery, JobStore, SessionQuery, Settlement, Write, microseconds
from kyanite.space import emptied_journal
from kyanite.stores import letters, sessions
from kyanite.stores.batch import SQL, Connection, Row, only, store, transaction
from kyanite.stores.filing import misfiled
from kyanite.stores.letters import LETTERS_SINCE
from kyanite.stores.lock import lock
from kyanite.stores.queries import migrations
from kyanite.stores.rows import Rows
from kyanite.stores.seal import checked
from kyanite.stores.seam import FULL, mapped, readable, result_code
from kyanite.stores.select import count_statement, page_statement, session_statement
from kyanite.stores.sessions import SESSIONS_SINCE

T = TypeVar("T")
Connect = Callable[[str], Connection]
READERS_MAX = 2
NUMBER_MAX = (1 << 63) - 1
WAL_PAGES = 8_192
"""32 MiB of log between checkpoints: hot index pages are written back once for many commits."""


def connect(path: str) -> Connection:
    """Open a connection of the standard library that leaves transactions to us and may move between threads."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)


class SQLiteStore(JobStore):
    """Jobs in the file `path`, which needs the folder it lies in.

    `synchronous` is `FULL` (what was acknowledged survives a power cut) or `NORMAL` (it survives only the end of the
    process). `connect` makes every connection, so that another SQLite module can stand in.
    """

    def __init__(self, path: str | Path, *, synchronous: str = "FULL", connect: Connect = connect) -> None:
        """Remember where and how; nothing is opened yet."""
        if synchronous not in {"FULL", "NORMAL"}:
            message = f"synchronous is FULL or NORMAL, not {synchronous!r}"
            raise ValueError(message)
        self.path = Path(path)
        self._synchronous = synchronous
        self._connect = connect
        self._epoch = 0
        self._head = 0
        self._was_full = False
        self._lock: int | None = None
        self._writer: Connection | None = None
        self._writing: ThreadPoolExecutor | None = None
        self._reading: ThreadPoolExecutor | None = None
        self._readers: list[Connection] = []
        self._own = threading.local()
        self._jobs = Rows(SQL["get_job"], self._begin_read, self.path)

    async def open(self, *, read_only: bool = False, endpoint: str | None = None) -> None:
        """Lock the file and migrate it, or, read-only, leave both to its owner."""
        if read_only and not self.path.exists():
            raise StoreUnavailable(f"{self.path} does not exist yet; nothing to read")
        if not read_only:
            with mapped(self.path):
                make_folder(self.path.parent)
                self._lock = lock(self.path.with_name(self.path.name + ".lock"), endpoint)
            self._writing = ThreadPoolExecutor(1, "kyanite-store-write")
        self._reading = ThreadPoolExecutor(READERS_MAX, "kyanite-store-read")
        try:
            if self._writing is None:
                await self._read(_check_version)
            else:
                await self._in(self._writing, self._open_writer)
        except BaseException:
            await self.aclose()
            raise

    def _open_writer(self) -> None:
        connection = self._writer = self._connect(str(self.path))
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            f"wal_autocheckpoint = {WAL_PAGES}",
            "cache_size = -65536",
            "temp_store = MEMORY",
            "secure_delete = OFF",  # some builds wipe by default what an update frees, which costs
        ):
            list(connection.execute(f"PRAGMA {pragma}"))
        migrate(connection)
        self._epoch = transaction(connection, lambda: only(connection, SQL["take_ownership"]))
        self._head = int(only(connection, SQL["head"]))

    async def aclose(self) -> None:
        """Finish what was begun, close every connection, and unlock."""
        for pool in (self._writing, self._reading):
            if pool is not None:
                await asyncio.to_thread(pool.shutdown)
        self._writing = self._reading = None
        for connection in [*self._readers, *([self._writer] if self._writer else [])]:
            connection.close()
        self._readers, self._writer, self._own = [], None, threading.local()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def commit(self, writes: Sequence[Write]) -> list[int | None]:
        """Store a batch in the writer thread."""
        return await self._with_writer(lambda connection: self._store(connection, writes))

    def _store(self, connection: Connection, writes: Sequence[Write]) -> list[int | None]:
        # Only the owner writes positions, and a commit of another epoch is refused: the counter at hand is the newest.
        try:
            positions = store(connection, writes, self._head, self._epoch)
        except BaseException:
            self._head = int(only(connection, SQL["head"]))
            raise
        self._head += sum(len(write.events) for write, at in zip(writes, positions, strict=True) if at is not None)
        return positions

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Read one row, with others that are asked for."""
        rows = await self._jobs.of(workspace, job_id)
        return readable(decode_details, rows[0][0]) if rows else None

    async def page(self, query: JobQuery) -> list[JobDetails]:
        """Read one page by an index."""
        return [readable(decode_details, body) for (body,) in await self._rows(*page_statement(query))]

    async def count(self, query: JobQuery, by: str | None = None) -> dict[str, int]:
        """Count by scanning an index."""
        rows = await self._rows(*count_statement(query, by))
        return {str(row[0]) if by else "": row[-1] for row in rows}

    async def workspaces(self) -> list[str]:
        """Skip from one workspace to the next in an index."""
        return [name for (name,) in await self._rows(SQL["list_workspaces"])]

    async def events(self, after: int, limit: int, job: tuple[str, str] | None = None) -> list[Event]:
        """Read a stretch of the log, or of one job's story."""
        if job is None:
            rows = await self._rows(SQL["read_log"], (after, limit))
        else:
            rows = await self._rows(SQL["read_story"], (*job, *job, after, limit))
        return [readable(decode_event, checked(body), position) for position, body in rows]

    async def head(self) -> int:
        """Read the counter that positions come from."""
        match await self._rows(SQL["head"]):
            case [(int(position),)]:
                return position
        raise StoreCorrupt(f"{self.path}: the counter that positions come from can not be read")

    async def cursors(self, save: Sequence[Cursor] = ()) -> dict[str, Cursor]:
        """Store and read cursors."""
        if save:
            rows = [(cursor.name, cursor.position, microseconds(cursor.seen_time)) for cursor in save]
            await self._transact(lambda connection: [connection.execute(SQL["save_cursors"], row) for row in rows])
        return {
            name: Cursor(name, position, EPOCH + timedelta(microseconds=seen))
            for name, position, seen in await self._rows(SQL["read_cursors"])
        }

    async def settle(self, settlement: Settlement) -> None:
        """Store it in one transaction, unless the store has another owner by now."""

        def action(connection: Connection) -> None:
            if only(connection, SQL["epoch"]) != self._epoch:
                raise Conflict("another process owns this store now")
            letters.settle(connection, settlement)

        await self._transact(action)

    async def letters(
        self, subscriber: str, *, after: int = 0, limit: int = 1_000, dead: bool | None = None
    ) -> list[Letter]:
        """Read one page by the key."""
        kinds = (0, 1) if dead is None else (int(dead), int(dead))
        return letters.letters(await self._rows(SQL["read_letters"], (subscriber, after, *kinds, limit)))

    async def tally_letters(self, workspace: str) -> dict[str, tuple[int, int]]:
        """Count by scanning the workspace's stretch of the key."""
        past = f"{workspace}0"  # the character after the slash
        return letters.tallies(await self._rows(SQL["tally_letters"], (f"{workspace}/", past)))

    async def attempts(
        self, subscriber: str, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, Attempt]]:
        """Read one page by the key."""
        newest = NUMBER_MAX if before is None else before
        return letters.attempts(await self._rows(SQL["read_attempts"], (subscriber, newest, limit)))

    async def purge(self, workspace: str, job_ids: Sequence[str]) -> list[JobDetails]:
        """Bury ended rows in one transaction."""
        return await self._transact(
            lambda connection: [row for job_id in job_ids for row in _bury(connection, workspace, job_id)]
        )

    async def buried(self, workspace: str, job_ids: Sequence[str]) -> set[str]:
        """Look among the tombstones."""
        rows = await self._rows(SQL["find_buried"], (workspace, msgspec.json.encode(job_ids).decode()))
        return {job_id for (job_id,) in rows}

    async def open_session(self, session: Session) -> Session:
        """Insert it in a transaction, unless there is one."""
        return await self._transact(lambda connection: sessions.insert(connection, session))

    async def close_session(self, workspace: str, session_id: str, time: datetime) -> Session | None:
        """Read it and write it back in one transaction."""
        return await self._transact(lambda connection: sessions.close(connection, workspace, session_id, time))

    async def session(self, workspace: str, session_id: str) -> Session | None:
        """Read one session."""
        return await self._read(lambda connection: sessions.find(connection, workspace, session_id))

    async def page_sessions(self, query: SessionQuery) -> list[Session]:
        """Read one page by an index."""
        return [sessions.decode_session(body) for (body,) in await self._rows(*session_statement(query))]

    async def tally_sessions(self, workspace: str, session_ids: Sequence[str]) -> dict[str, Tally]:
        """Read the rows of these sessions' jobs, and no others."""
        asked = (msgspec.json.encode(session_ids).decode(), workspace)
        return sessions.tallies(await self._rows(SQL["tally_sessions"], asked))

    async def faults(self) -> list[str]:
        """Have SQLite compare its indexes with its tables, and compare each row's columns with its body."""
        found = [text for (text,) in await self._rows("PRAGMA integrity_check") if text != "ok"]
        return found + await self._read(misfiled) + await self._read(letters.misfiled)

    async def _transact(self, action: Callable[[Connection], T]) -> T:
        return await self._with_writer(lambda connection: transaction(connection, partial(action, connection)))

    async def _with_writer(self, action: Callable[[Connection], T]) -> T:
        connection = self._writer
        if connection is None:
            if self._reading is not None:
                raise ReadOnly(str(self.path))
            raise WorkspaceClosed(str(self.path))
        return await self._in(self._writing, partial(self._written, action, connection))

    def _written(self, action: Callable[[Connection], T], connection: Connection) -> T:
        """Write, and once that works again after the disk was full, give back the space that the journal took."""
        try:
            result = action(connection)
        except Exception as error:
            self._was_full |= result_code(error) == FULL
            raise
        if self._was_full:
            self._was_full = not emptied_journal(connection)
        return result

    async def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return await self._read(lambda connection: list(connection.execute(statement, parameters)))

    async def _read(self, action: Callable[[Connection], T]) -> T:
        return await self._begin_read(action)

    def _begin_read(self, action: Callable[[Connection], T]) -> asyncio.Future[T]:
        return self._in(self._reading, lambda: action(self._reader()))

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._connect(str(self.path))
            self._readers.append(connection)
            version = schema_version(connection)
            for since, blank in ((SESSIONS_SINCE, "blank_sessions"), (LETTERS_SINCE, "blank_letters")):
                if version < since:  # only read here, and not migrated yet: there are none
                    for statement in statements(SQL[blank]):
                        connection.execute(statement)
            list(connection.execute("PRAGMA query_only = ON"))
            self._own.connection = connection
        return connection

    def _in(self, pool: ThreadPoolExecutor | None, action: Callable[[], T]) -> asyncio.Future[T]:
        if pool is None:
            raise WorkspaceClosed(str(self.path))

        def guarded() -> T:
            with mapped(self.path):
                return action()

        return asyncio.get_running_loop().run_in_executor(pool, guarded)


def schema_version(connection: Connection) -> int:
    """Return the version of the schema in the file."""
    return int(only(connection, SQL["schema_version"]))


def migrate(connection: Connection) -> None:
    """Bring the schema up to date, each step in a transaction of its own. Raises `StoreCorrupt` for a newer one."""
    scripts = migrations()
    for number in range(_check_version(connection), len(scripts)):
        transaction(connection, partial(_step, connection, scripts[number], number + 1))


def _step(connection: Connection, script: str, version: int) -> None:
    for statement in statements(script):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")


def statements(script: str) -> list[str]:
    """Split a script into statements, triggers whole."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found


def _check_version(connection: Connection) -> int:
    version, known = schema_version(connection), len(migrations())
    if version > known:
        raise StoreCorrupt(f"the store has schema version {version}, this release knows {known}: use a newer release")
    return version


def _bury(connection: Connection, workspace: str, job_id: str) -> list[JobDetails]:
    found = list(connection.execute(SQL["get_job"], (workspace, job_id)))
    if not found:
        return []
    details = decode_details(found[0][0])
    prefix = details.container_uri + "/"
    past = details.container_uri + "0"  # the character after the slash
    purgeable = list(connection.execute(SQL["find_purgeable"], (workspace, job_id, prefix, past)))
    for (seq,) in purgeable:
        connection.execute(SQL["bury"], (workspace, job_id, seq))
        connection.execute(SQL["delete_tags"], (seq,))
        connection.execute(SQL["delete_job_session"], (seq,))
        connection.execute(SQL["delete_job"], (seq,))
    return [details] if purgeable else []
