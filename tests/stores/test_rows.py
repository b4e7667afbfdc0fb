"""Rows that are asked for at one time, read by real SQLite in a thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from kyanite.errors import KyaniteError, StoreCorrupt, WorkspaceClosed
from kyanite.stores import rows
from kyanite.stores.rows import Rows
from kyanite.stores.sqlite import connect

STATEMENT = "SELECT upper(json_extract(?, '$.name'))"


class Reads:
    """Has actions run in a thread; `errors` are raised instead, the first at once and a callable's in the thread."""

    def __init__(self, pool):
        self._pool = pool
        self._connection = connect(":memory:")
        self.counts = []
        self.errors = []

    def __call__(self, action):
        error = self.errors.pop(0) if self.errors else None
        if isinstance(error, Exception):
            raise error
        return asyncio.get_running_loop().run_in_executor(self._pool, self._read, action, error)

    def _read(self, action, error):
        if error is not None:
            error()
        found = action(self._connection)
        self.counts.append(len(found))
        return found

    def close(self):
        self._connection.close()


@contextmanager
def reading():
    with ThreadPoolExecutor(1) as pool:
        reads = Reads(pool)
        try:
            yield reads, Rows(STATEMENT, reads, "here")
        finally:
            reads.close()


async def outcomes(calls):
    """What calls that run at one time return or raise."""

    async def outcome(call):
        try:
            return await call
        except (KyaniteError, RuntimeError) as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(call)) for call in calls]
    return [task.result() for task in tasks]


def named(name):
    return f'{{"name": "{name}"}}'


async def test_what_is_asked_for_during_a_read_is_read_by_the_next(monkeypatch):
    monkeypatch.setattr(rows, "AT_ONCE_MAX", 64)
    with reading() as (reads, jobs):
        found = await outcomes(jobs.of(named(f"a{number}")) for number in range(100))
        assert found == [[(f"A{number}",)] for number in range(100)]
        assert reads.counts == [1, 64, 35]
        assert await jobs.of(named("later")) == [("LATER",)]
        assert reads.counts == [1, 64, 35, 1]


async def test_what_can_not_be_read_fails_alone():
    with reading() as (reads, jobs):
        found = await outcomes(map(jobs.of, [named("first"), "{", named("second"), named("third")]))
        assert reads.counts == [1, 3]
        assert isinstance(found.pop(1), StoreCorrupt)
        assert found == [[("FIRST",)], [("SECOND",)], [("THIRD",)]]


async def test_who_gives_up_takes_nobody_along():
    with reading() as (_, jobs):
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(jobs.of(named(f"a{number}"))) for number in range(4)]
            await asyncio.sleep(0)
            asked[0].cancel()
            asked[2].cancel()
        assert [task.cancelled() for task in asked] == [True, False, True, False]
        assert (asked[1].result(), asked[3].result()) == ([("A1",)], [("A3",)])


def broken():
    raise RuntimeError("in the thread")


@pytest.mark.parametrize("error", [WorkspaceClosed("here"), broken])
async def test_a_read_that_fails_is_told_to_all_who_wait_and_the_next_is_another(error):
    with reading() as (reads, jobs):
        reads.errors = [None, error]
        first, *others = await outcomes(jobs.of(named(f"a{number}")) for number in range(3))
        assert first == [("A0",)]
        assert [type(each) for each in others] == [RuntimeError if error is broken else WorkspaceClosed] * 2
        assert await jobs.of(named("later")) == [("LATER",)]
