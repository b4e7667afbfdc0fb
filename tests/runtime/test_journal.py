"""The gate: one change of a job at a time, committed before it is announced, never lost and never doubled."""

from contextlib import asynccontextmanager

import anyio
import pytest
from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Cancelled, CancelRequested, Succeeded
from kyanite.core.lifecycle import InvalidTransition, fold
from kyanite.errors import Conflict, JobNotFound, StorageFull, StoreUnavailable, WorkspaceClosed
from kyanite.ports import Write
from kyanite.runtime import journal as journal_module
from kyanite.runtime.journal import Journal
from kyanite.testing.clocks import FakeClock, FakeEntropy
from kyanite.testing.stores import a_job, success
from tests.runtime.faults import FULL, LOST_ANSWER, UNAVAILABLE, FaultyStore

ADDRESS = ("default", "job00001")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(journal_module, "PATIENCE", replace(journal_module.PATIENCE, first_s=0.0001, most_s=0.001))


@asynccontextmanager
async def running(store, clock=None):
    journal = Journal(store, clock or FakeClock(), FakeEntropy())
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        try:
            yield journal
        finally:
            with anyio.CancelScope(shield=True):
                await journal.close()


async def test_commit_comes_before_the_announcement_and_that_before_the_answer():
    store, order = FaultyStore(), []
    async with running(store) as journal:

        def listen(change):
            order.append(("announced", change.after.version, len(store._log), change.position))

        journal.listeners.append(listen)
        await journal.submit(a_job(1))
        order.append("answered")
        await journal.record(ADDRESS, lambda row: (Began(attempt=1), CancelRequested()))
    assert order == [("announced", 1, 1, 1), "answered", ("announced", 3, 3, 3)]


async def test_neighbours_share_a_transaction():
    store = FaultyStore()
    async with running(store) as journal:
        for answer in [journal.submit(a_job(number)) for number in range(100)]:
            await answer
    assert [len(writes) for writes in store.commits] == [100]


async def test_changes_of_one_job_are_decided_one_after_another():
    store, seen = FaultyStore(), []
    async with running(store) as journal:
        await journal.submit(a_job(1))

        def decide(row):
            seen.append(row.version)
            return (Amended(name=f"version {row.version}"),)

        for answer in [journal.record(ADDRESS, decide) for _ in range(10)]:
            await answer
    assert seen == list(range(1, 11))
    assert fold(store._log).name == "version 10"


async def test_an_error_in_a_decision_is_its_callers_alone():
    async with running(FaultyStore()) as journal:
        await journal.submit(a_job(1))
        with pytest.raises(InvalidTransition):
            await journal.record(ADDRESS, success())
        with pytest.raises(ZeroDivisionError):
            await journal.record(ADDRESS, lambda _: 1 / 0)
        with pytest.raises(JobNotFound):
            await journal.record(("default", "nobody"), Cancelled())
        assert (await journal.record(ADDRESS, Cancelled())).final


async def test_a_final_row_absorbs_and_nothing_is_stored():
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        ended = await journal.record(ADDRESS, Cancelled())
        commits = len(store.commits)
        assert await journal.record(ADDRESS, Began(attempt=1)) == ended
        assert len(store.commits) == commits


async def test_a_lost_answer_is_read_back_and_nothing_happens_twice():
    store = FaultyStore(LOST_ANSWER, LOST_ANSWER)
    announced = []
    async with running(store) as journal:
        journal.listeners.append(lambda change: announced.append(change.position))
        assert await journal.submit(a_job(1)) is not None
        await journal.record(ADDRESS, Began(attempt=1))
    assert announced == [1, 2]
    assert [event.version for event in store._log] == [1, 2]


async def test_reading_back_may_fail_for_a_while_too():
    store = FaultyStore(LOST_ANSWER)
    store.reads = [UNAVAILABLE, UNAVAILABLE]
    async with running(store) as journal:
        assert await journal.submit(a_job(1)) is not None
    assert len(store._log) == 1


async def test_a_submit_that_was_not_stored_fails_and_a_change_is_tried_until_it_is():
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        for fault, error in ((UNAVAILABLE, StoreUnavailable), (FULL, StorageFull)):
            store.plan = [fault]
            with pytest.raises(error):
                await journal.submit(a_job(2))
        store.plan = [UNAVAILABLE, FULL, UNAVAILABLE]
        assert (await journal.record(ADDRESS, Began(attempt=1))).driving
        assert store.plan == []
    assert [event.job_id for event in store._log] == ["job00001"] * 2


async def test_a_mixed_batch_fails_only_the_submit():
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        outcome = {}

        async def submit():
            try:
                outcome["submit"] = await journal.submit(a_job(2))
            except StorageFull as error:
                outcome["submit"] = error

        async def change():
            outcome["change"] = await journal.record(ADDRESS, Began(attempt=1))

        store.plan = [FULL]
        async with anyio.create_task_group() as group:
            group.start_soon(change)
            group.start_soon(submit)
        assert isinstance(outcome["submit"], StorageFull)
        assert outcome["change"].driving


async def test_a_caller_that_is_cancelled_leaves_the_change_to_happen_once():
    store, blocked, go_on = FaultyStore(), anyio.Event(), anyio.Event()

    async def block():
        blocked.set()
        await go_on.wait()

    async with running(store) as journal:
        await journal.submit(a_job(1))
        store.plan = [block]

        async def record():
            await journal.record(ADDRESS, Began(attempt=1))

        async with anyio.create_task_group() as group:
            group.start_soon(record)
            await blocked.wait()
            group.cancel_scope.cancel()
        go_on.set()
        row = await journal.record(
            ADDRESS, lambda row: (Succeeded(output_data_uri="u", output_hash="h", output_size=1),)
        )
    assert row.final
    assert [event.version for event in store._log] == [1, 2, 3]


async def test_a_row_that_changed_behind_our_back_is_decided_again():
    store = FaultyStore()
    async with running(store) as journal:
        row = await journal.submit(a_job(1))
        journal.hold(row)
        behind = replace(row, version=2, name="changed")
        await store.commit([Write(behind, 1, (Amended(name="changed", job_id=row.id, version=2),))])
        again = await journal.record(ADDRESS, lambda row: (Amended(tags=(row.name,)),))
        assert (again.version, again.tags) == (3, ("changed",))


async def test_an_owner_that_lost_its_store_stops():
    class Stolen(FaultyStore):
        async def commit(self, writes):
            raise Conflict("another process owns this store now")

    with pytest.raises(ExceptionGroup) as stopped:
        async with running(Stolen()) as journal:
            with pytest.raises(Conflict):
                await journal.submit(a_job(1))
            await anyio.sleep_forever()
    assert stopped.group_contains(Conflict)


async def test_times_in_a_log_never_decrease_though_the_clock_does():
    store, clock = FaultyStore(), FakeClock()
    async with running(store, clock) as journal:
        await journal.submit(a_job(1))
        clock.jump(-86_400)
        await journal.record(ADDRESS, Began(attempt=1))
        clock.jump(3_600)
        await journal.record(ADDRESS, CancelRequested())
    times = [event.time for event in store._log]
    assert times == sorted(times)


async def test_nothing_is_kept_of_jobs_that_nobody_holds():
    async with running(FaultyStore()) as journal:
        for number in range(50):
            await journal.submit(a_job(number))
        await journal.record(ADDRESS, Cancelled())
        assert journal._rows == {}
        row = await journal.submit(a_job(99))
        journal.hold(row)
        assert journal.current(("default", row.id)) == row
        journal.release(("default", row.id))
        assert journal._rows == {}


async def test_after_closing_nothing_is_taken():
    store = FaultyStore()
    async with running(store) as journal:
        pass
    with pytest.raises(WorkspaceClosed):
        await journal.submit(a_job(1))


async def test_a_store_that_stays_out_does_not_keep_the_journal_from_closing():
    store = FaultyStore()
    async with running(store) as journal:
        row = await journal.submit(a_job(1))
        journal.hold(row)
        store.plan = [UNAVAILABLE] * 10_000
        store.reads = [UNAVAILABLE] * 10_000
        failed = []

        async def record():
            try:
                await journal.record(ADDRESS, Began(attempt=1))
            except StoreUnavailable as error:
                failed.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(record)
            while len(store.commits) < 2:
                await anyio.lowlevel.checkpoint()
            with anyio.fail_after(20):
                await journal.close()
    assert len(failed) == 1
