"""Sessions in SQLite: stores that were made before there were any, and what is filed where."""

import sqlite3
from contextlib import asynccontextmanager, closing

import pytest

from kyanite.core.events import Cancelled
from kyanite.core.session import Tally
from kyanite.errors import StoreCorrupt
from kyanite.ports import JobQuery, SessionQuery
from kyanite.stores import batch, select
from kyanite.stores.queries import migrations
from kyanite.stores.sqlite import SQLiteStore, connect, statements
from kyanite.testing.stores import a_job, a_session, write


@asynccontextmanager
async def opened(path, **how):
    store = SQLiteStore(path)
    await store.open(**how)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def old(path):
    """A store as the release before sessions left it: schema 1, with two jobs."""
    with closing(connect(str(path))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in statements(migrations()[0]):
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        births = [write(None, birth=a_job(1, tags=("t",))), write(None, Cancelled(), birth=a_job(2))]
        assert batch.store(connection, births, 0, 0) == [1, 2]
    return path


async def test_a_store_without_sessions_gets_them(old):
    async with opened(old) as store:
        assert [row.id for row in await store.page(JobQuery(session_id=""))] == ["job00001", "job00002"]
        assert await store.head() == 3
        session = await store.open_session(a_session(1))
        assert await store.commit([write(None, birth=a_job(3, session_id=session.id))]) == [4]
        assert await store.tally_sessions("default", [session.id]) == {session.id: Tally({"Waiting": 1})}
        assert [row.id for row in await store.purge("default", ["job00002"])] == ["job00002"]
        assert await store.faults() == []
    async with opened(old) as store:
        assert await store.page_sessions(SessionQuery()) == [session]


async def test_one_that_is_only_read_has_none_and_stays_as_it_is(old):
    async with opened(old, read_only=True) as store:
        assert await store.session("default", "session1") is None
        assert await store.page_sessions(SessionQuery()) == []
        assert await store.tally_sessions("default", ["session1"]) == {}
        assert len(await store.page(JobQuery(session_id=""))) == 2
        assert await store.page(JobQuery(session_id="session1")) == []
        assert await store.letters("default/hook") == []
        assert await store.tally_letters("default") == {}
        assert await store.attempts("default/hook") == []
        assert await store.faults() == []
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE '%session%'").fetchone() == (0,)


async def test_only_jobs_in_a_session_take_space_for_it(path):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(number)) for number in range(3)])
        await store.commit([write(None, Cancelled(), birth=a_job(3, session_id="s"))])
        assert await store._rows("SELECT session, seq FROM job_sessions") == [("s", 4)]
        assert await store.purge("default", ["job00003"])
        assert await store._rows("SELECT session, seq FROM job_sessions") == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM job_sessions",
        "UPDATE job_sessions SET session = 'other'",
        "INSERT INTO job_sessions (session, seq) VALUES ('s', 1)",
    ],
)
async def test_a_job_under_a_session_that_is_not_its_own_is_found(path, statement):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(1)), write(None, birth=a_job(2, session_id="s"))])
        assert await store.faults() == []
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount == 1
    async with opened(path) as store:
        (fault,) = await store.faults()
        assert "is filed under another session than its row says" in fault


@pytest.mark.parametrize("body", ["{", '{"begin_execution_time": 5}', '{"cancellation_time": "yesterday"}'])
async def test_a_row_that_can_not_be_tallied_is_corrupt(path, body):
    async with opened(path) as store:
        await store.commit([write(None, birth=a_job(1, session_id="s"))])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE jobs SET body = ?", (body,))
    async with opened(path) as store:
        with pytest.raises(StoreCorrupt):
            await store.tally_sessions("default", ["s"])


async def test_a_session_that_can_not_be_read_is_corrupt(path):
    async with opened(path) as store:
        await store.open_session(a_session(1))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sessions SET body = '{'")
    async with opened(path) as store:
        for reading in (store.session("default", "session1"), store.page_sessions(SessionQuery())):
            with pytest.raises(StoreCorrupt):
                await reading


async def test_plans_use_the_indexes(path):
    """What a session is asked for takes as long as the session is large, not the store."""
    async with opened(path) as store:

        async def plan(statement, parameters):
            return " ".join(row[3] for row in await store._rows("EXPLAIN QUERY PLAN " + statement, parameters))

        of_one = JobQuery(session_id="s", order="name", after=("a", 1, "b"))
        for found in (
            await plan(*select.page_statement(of_one)),
            await plan(*select.count_statement(of_one, "status")),
            await plan(batch.SQL["tally_sessions"], ('["s"]', "default")),
        ):
            assert "SEARCH jobs USING INTEGER PRIMARY KEY" in found
            assert "SEARCH job_sessions USING PRIMARY KEY (session=?)" in found
        outside = await plan(*select.page_statement(JobQuery(session_id="")))
        assert "SEARCH job_sessions USING COVERING INDEX job_sessions_by_job" in outside
        sessions = await plan(*select.session_statement(SessionQuery(after=(1, "s"), descending=True)))
        assert "SEARCH sessions USING INDEX sessions_by_creation" in sessions
        assert "TEMP B-TREE" not in sessions
