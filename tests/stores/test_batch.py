import sqlite3

import pytest

from kyanite.core.events import Began, Cancelled
from kyanite.errors import StorageFull, StoreUnavailable
from kyanite.ports import JobQuery
from kyanite.stores import batch
from kyanite.stores.sqlite import SQLiteStore, connect
from kyanite.testing.stores import a_job, write


class Lying:
    """A connection that says what happens to it, fails by plan, and may not know whether a transaction is open."""

    def __init__(self, path, failures=(), *, knows=True):
        self.inner = connect(path)
        self.failures = list(failures)
        self.statements = []
        self.bound = []
        self.closed = False
        self.knows = knows

    def __getattr__(self, name):
        if name == "in_transaction" and self.knows:
            return self.inner.in_transaction
        raise AttributeError(name)

    def execute(self, statement, *parameters):
        self.statements.append(statement)
        if statement.startswith("INSERT INTO inbox"):
            self.bound.append(len(parameters[0]))
            failure = self.failures.pop(0) if self.failures else None
            if failure is not None:
                raise failure
        return self.inner.execute(statement, *parameters)

    def close(self):
        self.closed = True
        self.inner.close()


def full():
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.fixture
def opened(tmp_path):
    """Make a store whose connections are kept, the writer's first."""
    made = []

    def make(*failures, **options):
        def connect(path):
            made.append(Lying(path, failures if not made else (), **options))
            return made[-1]

        store = SQLiteStore(tmp_path / "jobs.sqlite", connect=connect)
        store.made = made
        return store

    return make


@pytest.mark.parametrize("knows", [True, False])
def test_what_is_raised_inside_a_transaction_rolls_it_back_and_comes_out(tmp_path, knows):
    connection = Lying(tmp_path / "x.sqlite", knows=knows)
    connection.execute("CREATE TABLE t (x)")

    def fail():
        connection.execute("INSERT INTO t VALUES (1)")
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        batch.transaction(connection, fail)
    assert not connection.inner.in_transaction
    assert batch.only(connection, "SELECT count(*) FROM t") == 0
    insert = "INSERT INTO t VALUES (2) RETURNING x"
    assert batch.transaction(connection, lambda: list(connection.execute(insert))) == [(2,)]
    connection.close()


def test_a_transaction_that_sqlite_has_ended_itself_is_not_ended_again(tmp_path):
    connection = Lying(tmp_path / "x.sqlite")

    def fail():
        connection.inner.execute("ROLLBACK")
        raise full()

    with pytest.raises(sqlite3.OperationalError, match="full"):
        batch.transaction(connection, fail)
    assert connection.statements == [batch.SQL["begin"]]
    connection.close()


async def test_a_batch_of_which_nothing_was_stored_is_said_to_be_refused_whole(opened):
    """The batch is taken apart as one of it is refused; then there is no space for any."""
    store = opened(None, None, full())
    await store.open()
    rows = [write(None, birth=a_job(number)) for number in range(3)]
    await store.commit(rows[:1])
    with pytest.raises(StorageFull):
        await store.commit([rows[1], rows[0], rows[2]])
    assert await store.head() == 1
    assert await store.commit(rows) == [None, 2, 3]
    await store.aclose()


async def test_an_error_that_is_not_sqlites_comes_out_as_it_is(opened):
    """Also while a batch is taken apart of which something was stored."""
    store = opened(None, None, None, KeyError("a fault of ours"))
    await store.open()
    rows = [write(None, birth=a_job(number)) for number in range(3)]
    await store.commit(rows[:1])
    with pytest.raises(KeyError, match="a fault of ours"):
        await store.commit([rows[1], rows[0], rows[2]])
    await store.aclose()


async def test_positions_go_on_where_a_batch_broke_off(opened):
    store = opened(None, None, None, None, full())
    await store.open()
    rows = [write(None, birth=a_job(number)) for number in range(4)]
    await store.commit(rows[:1])
    with pytest.raises(StoreUnavailable, match="in part"):
        await store.commit([rows[1], rows[0], rows[2]])
    assert await store.commit(rows[2:]) == [3, 4]
    assert [event.position for event in await store.events(0, 9)] == [1, 2, 3, 4]
    await store.aclose()


async def test_a_batch_of_many_sizes_needs_few_statements(opened):
    """Each is padded to a power of two: 1 to 20 births, and the fence."""
    store = opened()
    await store.open()
    for number in range(1, 21):
        await store.commit([write(None, birth=a_job(100 * number + each)) for each in range(number)])
    assert {bound / 15 for bound in store.made[0].bound} == {2, 4, 8, 16, 32}
    assert len(store.made[0].bound) == 20
    await store.aclose()


async def test_a_submit_with_many_events_has_them_all(opened):
    """A job that is born and ends in one write."""
    store = opened()
    await store.open()
    whole = write(None, Began(attempt=1), Cancelled(), birth=a_job(1, tags=("a", "b")))
    assert await store.commit([whole, write(None, birth=a_job(2))]) == [1, 4]
    assert [event.version for event in await store.events(0, 9, ("default", "job00001"))] == [1, 2, 3]
    assert await store.page(JobQuery(tag="b")) == [whole.details]
    await store.aclose()
    assert [each.closed for each in store.made] == [True] * len(store.made)
