import os
import sqlite3
import sys
import threading
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from kyanite.core.events import Began
from kyanite.errors import Conflict, ReadOnly, StorageFull, StoreCorrupt, StoreOwned, StoreUnavailable, WorkspaceClosed
from kyanite.ports import JobQuery, Settlement
from kyanite.stores import queries, sqlite
from kyanite.stores.batch import only
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.letters import LetterContract, a_letter, an_attempt
from kyanite.testing.sessions import SessionContract
from kyanite.testing.stores import StoreContract, a_job, write


@asynccontextmanager
async def opened(path, **options):
    store = SQLiteStore(path, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


class TestSQLiteStore(StoreContract, SessionContract, LetterContract):
    @pytest.fixture(autouse=True)
    def _path(self, tmp_path):
        self.path = tmp_path / "jobs.sqlite"

    def opened(self):
        return opened(self.path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.sqlite"


async def test_a_second_owner_gets_one_clear_sentence(path):
    async with opened(path):
        with pytest.raises(StoreOwned) as refused:
            await SQLiteStore(path).open()
        assert refused.value.pid == os.getpid()
        assert f"belongs to process {os.getpid()}" in str(refused.value)
    async with opened(path) as store:
        assert await store.head() == 0


async def test_another_process_is_told_who_owns_the_store(path):
    script = (
        "import asyncio, sys\n"
        "from kyanite.errors import StoreOwned\n"
        "from kyanite.stores.sqlite import SQLiteStore\n"
        "try:\n"
        "    asyncio.run(SQLiteStore(sys.argv[1]).open())\n"
        "except StoreOwned as error:\n"
        "    print(error.pid)\n"
    )
    async with opened(path):
        result = await anyio.run_process([sys.executable, "-c", script, str(path)])
    assert int(result.stdout) == os.getpid()


async def test_the_lock_of_a_killed_owner_is_free(path):
    script = (
        "import asyncio, sys\n"
        "from kyanite.stores.sqlite import SQLiteStore\n"
        "async def hold():\n"
        "    await SQLiteStore(sys.argv[1]).open()\n"
        "    print('open', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(hold())\n"
    )
    async with await anyio.open_process([sys.executable, "-c", script, str(path)]) as owner:
        assert await BufferedByteReceiveStream(owner.stdout).receive_until(b"\n", 100) == b"open"
        with pytest.raises(StoreOwned):
            await SQLiteStore(path).open()
        owner.kill()
        await owner.wait()
    async with opened(path) as store:
        assert await store.head() == 0


async def test_a_reader_needs_no_ownership_and_can_not_write(path):
    async with opened(path) as owner:
        await owner.commit([write(None, birth=a_job(1))])
        reader = SQLiteStore(path)
        await reader.open(read_only=True)
        assert await reader.count(JobQuery()) == {"": 1}
        with pytest.raises(ReadOnly):
            await reader.commit([write(None, birth=a_job(2))])
        await owner.commit([write(None, birth=a_job(2))])
        assert await reader.count(JobQuery()) == {"": 2}
        await reader.aclose()


async def test_reading_a_store_that_does_not_exist_makes_none(path):
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await SQLiteStore(path).open(read_only=True)
    assert not path.exists()


async def test_a_folder_that_can_not_be_made_is_named(path):
    path.write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable, match=r"jobs\.sqlite.deeper.jobs\.sqlite: Not a directory"):
        await SQLiteStore(path / "deeper" / "jobs.sqlite").open()


async def test_a_closed_store_says_so(path):
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    await store.aclose()
    with pytest.raises(WorkspaceClosed):
        await store.head()
    with pytest.raises(WorkspaceClosed):
        await store.commit([write(None, birth=a_job(1))])


async def test_an_owner_that_lost_the_store_writes_nothing_more(path):
    """A second opener behind the lock's back, as on a file system that does not lock, fences the first."""
    async with opened(path) as first:
        await first.commit([write(None, birth=a_job(1))])
        (path.parent / (path.name + ".lock")).unlink()
        async with opened(path) as second:
            with pytest.raises(Conflict, match="another process"):
                await first.commit([write(None, birth=a_job(2))])
            assert await second.count(JobQuery()) == {"": 1}
            assert await second.head() == 1


async def test_a_newer_schema_is_refused_and_left_alone(path):
    async with opened(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreCorrupt, match="schema version 99"):
        await SQLiteStore(path).open()


@pytest.mark.parametrize("content", ["{", '{"id": 3}', b"\xff\xfe"])
async def test_what_can_not_be_read_back_is_said_to_be_corrupt(path, content):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(1))])
    with sqlite3.connect(path) as connection:
        for table in ("jobs", "events"):
            connection.execute(f"UPDATE {table} SET body = CAST(? AS TEXT)", (content,))
    connection.close()
    async with opened(path) as store:
        for read in (store.get("default", "job00001"), store.page(JobQuery()), store.events(0, 10)):
            with pytest.raises(StoreCorrupt):
                await read


@pytest.mark.parametrize(
    ("column", "value"),
    [("rank", 7.5), ("created", 1), ("version", 7), ("foreign_input", "kyanite:///x/y/z")],
)
async def test_a_row_that_is_filed_under_what_it_does_not_say_is_a_fault(path, column, value):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(1)), write(None, birth=a_job(2))])
        assert await store.faults() == []
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE jobs SET {column} = ? WHERE id = 'job00002'", (value,))
    connection.close()
    async with opened(path) as store:
        assert await store.faults() == [f"job job00002 is filed under another {column} than its row says"]


async def test_a_file_that_is_no_database_is_said_to_be_corrupt(path):
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreCorrupt):
        await SQLiteStore(path).open()


async def test_a_migration_that_is_cut_short_leaves_the_version_before(path, monkeypatch):
    scripts = queries.migrations()
    broken = [*scripts, "CREATE TABLE half (x);\nCREATE TABLE half (x);\n"]
    monkeypatch.setattr(sqlite, "migrations", lambda: broken)
    with pytest.raises(StoreUnavailable):
        await SQLiteStore(path).open()
    monkeypatch.setattr(sqlite, "migrations", lambda: scripts)
    async with opened(path) as store:
        assert await store.head() == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()


async def test_every_acknowledged_commit_is_synchronous(path):
    async with opened(path) as store:
        assert list(store._writer.execute("PRAGMA synchronous")) == [(2,)]
        assert list(store._writer.execute("PRAGMA journal_mode")) == [("wal",)]
    async with opened(path, synchronous="NORMAL") as store:
        assert list(store._writer.execute("PRAGMA synchronous")) == [(1,)]
    with pytest.raises(ValueError, match="FULL or NORMAL"):
        SQLiteStore(path, synchronous="OFF")


async def test_a_full_disk_refuses_and_goes_on_when_there_is_space(path):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(1))])
        pages = only(store._writer, "PRAGMA page_count")
        list(store._writer.execute(f"PRAGMA max_page_count = {pages}"))
        big = a_job(2, metadata={"k": "x" * 200_000})
        with pytest.raises(StorageFull):
            await store.commit([write(None, birth=big)])
        assert await store.head() == 1
        list(store._writer.execute("PRAGMA max_page_count = 1000000"))
        assert await store.commit([write(None, birth=big)]) == [2]


async def test_a_count_does_not_stall_a_commit(path):
    """A reader that sits in the middle of its query leaves the writer alone."""
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(n)) for n in range(10)])
        begun, go_on = threading.Event(), threading.Event()

        def slow(connection):
            rows = iter(connection.execute("SELECT id FROM jobs"))
            next(rows)
            begun.set()
            assert go_on.wait(30)
            return len(list(rows)) + 1

        counted = []

        async def count():
            counted.append(await store._read(slow))

        async with anyio.create_task_group() as group:
            group.start_soon(count)
            await anyio.to_thread.run_sync(begun.wait)
            assert await store.commit([write(None, birth=a_job(11))]) == [11]
            go_on.set()
        assert counted == [10]


async def test_plans_use_the_indexes(path):
    """The statements that must stay fast at a million rows never scan the table."""
    async with opened(path) as store:

        async def plan(statement, parameters):
            return " ".join(row[3] for row in await store._rows("EXPLAIN QUERY PLAN " + statement, parameters))

        waiting = JobQuery(status=("Waiting",), target=("acme.echo",), order="rank", after=(1.0, "x"))
        for query in (
            JobQuery(),
            JobQuery(after=(1, "x")),
            JobQuery(status=("Failed",)),
            JobQuery(order="name"),
            waiting,
        ):
            text = await plan(*sqlite.page_statement(query))
            assert "SCAN jobs" not in text.replace("SCAN jobs USING", "")
            assert "USE TEMP B-TREE FOR ORDER BY" not in text
        assert "jobs_waiting" in await plan(*sqlite.page_statement(waiting))


async def test_text_of_any_kind_is_stored_as_it_is(path):
    async with opened(path) as store:
        names = ["'; DROP TABLE jobs; --", "naïve ☃ 🜚", "a\u0000b", "%_\\"]
        rows = [write(None, birth=a_job(n, name=name, tags=(name,))) for n, name in enumerate(names)]
        await store.commit(rows)
        assert [row.name for row in await store.page(JobQuery())] == names
        for name in names:
            assert [row.name for row in await store.page(JobQuery(tag=name))] == [name]
        await store.commit([write(rows[0].details, Began(attempt=1))])


def test_widths_are_few():
    assert [queries.width(rows) for rows in (1, 2, 3, 5, 512, 513)] == [1, 2, 4, 8, 512, 1024]
    assert queries.many("INSERT INTO t VALUES (?, ?) RETURNING x", 3).count("(?, ?)") == 3


async def test_a_refused_write_costs_its_neighbours_nothing(path):
    async with opened(path) as store:
        rows = [write(None, birth=a_job(n)) for n in range(6)]
        assert await store.commit(rows[:3]) == [1, 2, 3]
        assert await store.commit([rows[3], rows[0], rows[4], rows[1], rows[5]]) == [4, None, 5, None, 6]
        assert await store.head() == 6
        assert [event.position for event in await store.events(0, 10)] == [1, 2, 3, 4, 5, 6]


class Fussy:
    """A connection that has no more space from its n-th commit on."""

    def __init__(self, path, commits):
        self.inner = sqlite.connect(path)
        self.commits = commits

    def execute(self, statement, *parameters):
        if statement.startswith("INSERT INTO inbox"):
            self.commits -= 1
            if self.commits < 0:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
        return self.inner.execute(statement, *parameters)

    def close(self):
        self.inner.close()


async def test_a_batch_that_was_stored_in_part_is_not_said_to_be_refused_whole(path):
    """The first commit and the whole batch use up two; of the batch taken apart only its first write goes in."""
    async with opened(path, connect=lambda name: Fussy(name, 3)) as store:
        rows = [write(None, birth=a_job(number)) for number in range(4)]
        assert await store.commit(rows[:1]) == [1]
        with pytest.raises(StoreUnavailable, match="in part"):
            await store.commit([rows[1], rows[0], rows[2]])
        assert await store.count(JobQuery()) == {"": 2}
        with pytest.raises(StorageFull):
            await store.commit(rows[3:])


async def test_letters_that_changed_by_themselves_are_found(path):
    async with opened(path) as store:
        await store.settle(Settlement(letters=(a_letter(1), a_letter(2, due_time=None)), attempts=(an_attempt(1),)))
        assert await store.faults() == []
    connection = sqlite3.connect(path)
    connection.execute("UPDATE letters SET body = replace(body, 'job1', 'job7') WHERE position = 1")
    connection.execute("UPDATE letters SET due = 5 WHERE position = 2")
    connection.execute("UPDATE attempts SET body = substr(body, 2)")
    connection.commit()
    connection.close()
    async with opened(path) as store:
        found = await store.faults()
        assert len(found) == 3
        assert "checksum" in found[0]
        assert "another key" in found[1]
        with pytest.raises(StoreCorrupt, match="checksum"):
            await store.letters("default/hook")
