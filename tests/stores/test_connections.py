"""What the SQLite store holds on to: threads, connections, settings; and that it lets go of them."""

import sqlite3
import threading

import anyio
import pytest

from kyanite.core.events import Began, Cancelled
from kyanite.errors import StoreCorrupt
from kyanite.ports import JobQuery
from kyanite.stores import sqlite
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.stores import a_job, success, write


def threads():
    names = [each.name.rpartition("_")[0] for each in threading.enumerate()]
    return sorted(name for name in names if name.startswith("kyanite-store"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a" / "folder" / "jobs.sqlite"


async def test_the_folder_is_made_and_one_thread_writes(path):
    made = []

    def connect(name):
        made.append(sqlite.connect(name))
        return made[-1]

    store = SQLiteStore(path, connect=connect)
    await store.open()
    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(store.commit, [write(None, birth=a_job(number))])
            group.start_soon(store.count, JobQuery())
    assert (await store.count(JobQuery()))[""] == 30
    running = threads()
    assert running.count("kyanite-store-write") == 1
    assert 1 <= running.count("kyanite-store-read") <= sqlite.READERS_MAX == 2
    assert 2 <= len(made) <= len(running), "each thread has one connection and keeps it"
    await store.aclose()
    assert threads() == []
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


async def test_the_writers_settings(path):
    store = SQLiteStore(path)
    await store.open()
    expected = {"wal_autocheckpoint": 8_192, "cache_size": -65_536, "temp_store": 2, "secure_delete": 0}
    found = {name: store._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
    assert found == expected
    await store.aclose()


async def test_a_reader_can_not_write_even_by_mistake(path):
    store = SQLiteStore(path)
    await store.open()
    with pytest.raises(Exception, match="readonly"):
        await store._rows("DELETE FROM owner")
    await store.aclose()


async def test_a_newer_schema_is_refused_by_a_reader_too(path):
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    reader = SQLiteStore(path)
    with pytest.raises(StoreCorrupt, match="schema version 99"):
        await reader.open(read_only=True)
    assert threads() == []


async def test_a_counter_that_is_no_number_is_said_to_be_corrupt(path):
    store = SQLiteStore(path)
    await store.open()
    list(store._writer.execute("UPDATE owner SET position = 'many'"))
    with pytest.raises(StoreCorrupt, match="counter"):
        await store.head()
    await store.aclose()


@pytest.mark.parametrize("make", [lambda path: MemoryStore(), SQLiteStore], ids=["memory", "sqlite"])
async def test_what_can_not_be_purged_does_not_keep_the_others(path, make):
    store = make(path)
    await store.open()
    births = [write(None, birth=a_job(number)) for number in range(3)]
    await store.commit(births)
    begun = write(births[0].details, Began(attempt=1))
    ended = [write(birth.details, Began(attempt=1), success()) for birth in births[1:]]
    await store.commit([begun, *ended])
    gone = await store.purge("default", ["nobody", "job00000", "job00001", "nobody", "job00002"])
    assert [row.id for row in gone] == ["job00001", "job00002"]
    await store.aclose()


@pytest.mark.parametrize("make", [lambda path: MemoryStore(), SQLiteStore], ids=["memory", "sqlite"])
async def test_only_what_lies_in_a_jobs_own_container_keeps_it(path, make):
    """Whatever it is called there, and not what lies in a container whose name goes on after its own."""
    store = make(path)
    await store.open()
    for job_id, lender, name in (("c", "b", "A"), ("d", "b0", "inputData"), ("e", "b.", "inputData")):
        await store.commit([write(None, Cancelled(), birth=a_job(0, id=lender))])
        borrowed = f"{a_job(0, id=lender).container_uri}/{name}"
        await store.commit([write(None, Cancelled(), birth=a_job(0, id=job_id, input_data_uri=borrowed))])
    assert await store.purge("default", ["b", "b0", "b."]) == []
    assert [row.id for row in await store.purge("default", ["c", "b"])] == ["c", "b"]
    await store.aclose()


async def test_a_purged_job_leaves_no_tags(path):
    store = SQLiteStore(path)
    await store.open()
    ended = write(None, Cancelled(), birth=a_job(1, tags=("a", "b")))
    await store.commit([ended, write(None, birth=a_job(2, tags=("b",)))])
    await store.purge("default", ["job00001"])
    assert await store._rows("SELECT tag FROM job_tags") == [("b",)]
    await store.aclose()
