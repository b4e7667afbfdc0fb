"""What nothing on this machine can beat: the same work without an orchestrator around it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kyanite.blobs.rows import CREATE as BLOB_TABLE
from kyanite.stores.queries import migrations
from kyanite.stores.sqlite import WAL_PAGES, statements
from tests.bench.echo import many, payload

PLAIN_TABLES = """
CREATE TABLE jobs (seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE events (position INTEGER PRIMARY KEY, job INTEGER NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL);
"""
INSERT_PLAIN = "INSERT INTO jobs (seq, version, status, body) VALUES (?, 1, 'Waiting', ?)"
UPDATE_PLAIN = "UPDATE jobs SET version = ?, status = ?, body = ? WHERE seq = ?"
INSERT_INDEXED = """
INSERT INTO jobs (seq, workspace, id, version, status, target, provider_id, name, created, rank, body)
VALUES (?, 'default', ?, 1, 'Waiting', 'bench.echo', 'bench', 'bench.echo', ?, ?, ?)
"""
UPDATE_INDEXED = "UPDATE jobs SET version = ?, status = ?, body = ? WHERE workspace = 'default' AND id = ?"
INSERT_EVENTS = "INSERT INTO events (position, job, version, body) VALUES (?, ?, ?, ?)"
INSERT_BLOBS = """
INSERT INTO blob (key, size, sha256, created, content_type, content) VALUES (?, ?, ?, ?, 'text/plain', ?)
"""
STEPS = (("Waiting", 1), ("Executing", 2), ("Succeeded", 3))


class Sizes(NamedTuple):
    """Mean characters of what a real store holds of a no-op job: its row, and its first, second and third event."""

    row: int
    events: tuple[int, int, int]


def measured_sizes(database: Path) -> Sizes:
    """Return the sizes in a store that has executed no-op jobs."""
    connection = sqlite3.connect(database)
    try:
        ((row,),) = connection.execute("SELECT avg(length(body)) FROM jobs")
        events = connection.execute("SELECT avg(length(body)) FROM events GROUP BY version ORDER BY version").fetchall()
    finally:
        connection.close()
    first, second, third = (round(size) for (size,) in events[:3])
    return Sizes(round(row), (first, second, third))


async def bare_queue(jobs: int, in_flight: int) -> float:
    """Return the seconds that an asyncio queue with a task for each job takes, driven as the workspace is."""
    queue: asyncio.Queue[tuple[bytes, asyncio.Future[bytes]] | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def execute(sent: bytes, result: asyncio.Future[bytes]) -> None:
        result.set_result(sent)

    async def serve(group: asyncio.TaskGroup) -> None:
        while (entry := await queue.get()) is not None:
            group.create_task(execute(*entry))

    async def one(number: int) -> None:
        sent, result = payload(number), loop.create_future()
        queue.put_nowait((sent, result))
        if await result != sent:
            raise AssertionError(number)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(group))
        await many(jobs, in_flight, one)
        queue.put_nowait(None)
    return time.perf_counter() - start


def group_commits(folder: Path, jobs: int, batch: int, sizes: Sizes, *, indexed: bool, blobs: bool) -> float:
    """Return the seconds that SQLite takes for a row, two updates and three events a job, in three durable
    transactions a batch, on one thread; with `indexed` in the schema of the product, with `blobs` two small objects a
    job in two transactions of a second file.
    """
    connection = _opened(folder / "floor.sqlite", "".join(migrations()) if indexed else PLAIN_TABLES)
    beside = _opened(folder / "floor-blobs.sqlite", BLOB_TABLE + ";") if blobs else None
    try:
        start = time.perf_counter()
        for first in range(0, jobs, batch):
            _one_batch(connection, beside, range(first, min(first + batch, jobs)), sizes, indexed)
        return time.perf_counter() - start
    finally:
        for opened in (connection, beside):
            if opened is not None:
                opened.close()


def _opened(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"wal_autocheckpoint = {WAL_PAGES}"):
        connection.execute(f"PRAGMA {pragma}")
    for statement in statements(schema):
        connection.execute(statement)
    return connection


def _one_batch(
    connection: sqlite3.Connection, beside: sqlite3.Connection | None, numbers: range, sizes: Sizes, indexed: bool
) -> None:
    body = "x" * sizes.row
    for status, version in STEPS:
        if beside is not None and version != 2:
            name = "inputData" if version == 1 else "outputData"
            _transact(beside, ((INSERT_BLOBS, [_blob(number, name) for number in numbers]),))
        if version == 1:
            change = (INSERT_INDEXED, [_born(n, body) for n in numbers])
            if not indexed:
                change = (INSERT_PLAIN, [(n + 1, body) for n in numbers])
        else:
            keys: Sequence[Any] = [_id(n) if indexed else n + 1 for n in numbers]
            change = (UPDATE_INDEXED if indexed else UPDATE_PLAIN, [(version, status, body, key) for key in keys])
        event = "x" * sizes.events[version - 1]
        events = [
            (3 * numbers.start + (version - 1) * len(numbers) + at, n + 1, version, event)
            for at, n in enumerate(numbers, 1)
        ]
        _transact(connection, (change, (INSERT_EVENTS, events)))


def _transact(connection: sqlite3.Connection, changes: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement, rows in changes:
        connection.executemany(statement, rows)
    connection.execute("COMMIT")


def _born(number: int, body: str) -> tuple[Any, ...]:
    return (number + 1, _id(number), number, float(number), body)


def _blob(number: int, name: str) -> tuple[Any, ...]:
    content = payload(number)
    return (f"default/job-{_id(number)}/{name}", len(content), f"{number:064x}", number, content)


def _id(number: int) -> str:
    """Ids that grow with time and end at random, as the workspace makes them."""
    return f"0199a000-{number >> 8:04x}-7{number & 0xFF:02x}0-8000-{random.Random(number).getrandbits(48):012x}"


def rates(jobs: int, taken_s: Sequence[float]) -> Iterator[float]:
    """Yield jobs a second for each run."""
    return (jobs / taken for taken in taken_s)
