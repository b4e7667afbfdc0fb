"""The journal's smaller promises: what it holds, posts, splits, counts, and how it ends."""

import asyncio
from contextlib import asynccontextmanager

import anyio
import pytest
from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Cancelled
from kyanite.errors import Conflict, StorageFull, StoreUnavailable, WorkspaceClosed
from kyanite.runtime import journal as journal_module
from kyanite.runtime.journal import Journal
from kyanite.testing.clocks import FakeClock, FakeEntropy
from kyanite.testing.stores import a_job, success
from tests.runtime.faults import FULL, LOST_ANSWER, UNAVAILABLE, FaultyStore

ADDRESS = ("default", "job00001")


@pytest.fixture
def pauses(monkeypatch):
    """Make pauses short, and keep the count that each was made for."""
    asked = []

    def delay_s(failures, policy, random):
        asked.append((failures, policy, random))
        return 0.0

    monkeypatch.setattr(journal_module, "delay_s", delay_s)
    return asked


@asynccontextmanager
async def running(store):
    journal = Journal(store, FakeClock(), FakeEntropy())
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        try:
            yield journal
        finally:
            with anyio.CancelScope(shield=True):
                await journal.close()


async def test_a_row_is_settled_only_while_nothing_of_it_is_under_way():
    store, blocked, go_on = FaultyStore(), anyio.Event(), anyio.Event()

    async def block():
        blocked.set()
        await go_on.wait()

    async with running(store) as journal:
        row = await journal.submit(a_job(1))
        journal.hold(row)
        assert journal.settled(ADDRESS) == row
        store.plan = [block]
        answer = journal.record(ADDRESS, Began(attempt=1))
        await blocked.wait()
        assert journal.settled(ADDRESS) is None
        assert journal.current(ADDRESS) == row
        go_on.set()
        after = await answer
        assert journal.settled(ADDRESS) == after
        assert journal.settled(("default", "nobody")) is None


async def test_it_says_what_it_holds():
    async with running(FaultyStore()) as journal:
        row = await journal.submit(a_job(1))
        assert not journal.holds(ADDRESS)
        journal.hold(row)
        journal.hold(replace(row, version=0))
        assert journal.holds(ADDRESS)
        assert journal.current(ADDRESS) == row, "a row that is at hand is not replaced by an older one"
        journal.release(ADDRESS)
        assert not journal.holds(ADDRESS)


async def test_a_row_held_unread_is_at_hand_from_its_next_record_on():
    async with running(FaultyStore()) as journal:
        await journal.submit(a_job(1))
        journal.hold_unread(ADDRESS)
        assert journal.holds(ADDRESS)
        assert journal.current(ADDRESS) is None
        row = await journal.record(ADDRESS, lambda row: ())
        assert journal.current(ADDRESS) == row == await journal.record(ADDRESS, lambda row: ())
        journal.release(ADDRESS)
        assert journal.current(ADDRESS) is None


async def test_what_is_posted_is_recorded_and_a_refusal_is_logged(caplog):
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        journal.post(ADDRESS, success())
        journal.post(ADDRESS, Began(attempt=1))
        journal.post(ADDRESS, lambda row: (Amended(name=f"version {row.version}"),))
    assert [type(event).__name__ for event in store._log] == ["Submitted", "Began", "Amended"]
    assert store._log[-1].name == "version 2"
    assert len([entry for entry in caplog.records if "not recorded" in str(entry.msg)]) == 1


async def test_events_carry_their_address(monkeypatch):
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        await journal.record(ADDRESS, lambda row: (Began(attempt=1), Cancelled()))
    assert [(event.workspace, event.job_id, event.version) for event in store._log] == [
        ("default", "job00001", version) for version in (1, 2, 3)
    ]
    assert len({event.event_id for event in store._log}) == 3


async def test_a_batch_has_an_upper_bound(monkeypatch):
    monkeypatch.setattr(journal_module, "BATCH_MAX", 10)
    store = FaultyStore()
    async with running(store) as journal:
        for answer in [journal.submit(a_job(number)) for number in range(25)]:
            await answer
    assert sorted(map(len, store.commits)) == [5, 10, 10]


async def test_the_id_of_a_job_at_hand_is_taken():
    store = FaultyStore()
    async with running(store) as journal:
        journal.hold(await journal.submit(a_job(1)))
        with anyio.fail_after(20):
            assert await journal.submit(a_job(1)) is None
        assert journal.holds(ADDRESS)
        assert journal.current(ADDRESS) is not None
    assert len(store.commits) == 1


async def test_pauses_grow_with_the_failures(pauses):
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        store.plan = [UNAVAILABLE, FULL, LOST_ANSWER]
        store.reads = [UNAVAILABLE, UNAVAILABLE]
        assert (await journal.record(ADDRESS, Began(attempt=1))).driving
    assert [failures for failures, _, _ in pauses] == [1, 2, 3, 2, 3]
    assert {policy for _, policy, _ in pauses} == {journal_module.PATIENCE}
    assert len({random for _, _, random in pauses}) == 5


async def test_a_full_store_is_waited_for_only_where_something_is_tried_again(pauses):
    store = FaultyStore()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        store.plan = [FULL]
        with pytest.raises(StorageFull):
            await journal.submit(a_job(2))
        assert pauses == []
        assert (await journal.record(ADDRESS, Began(attempt=1))).driving
    assert [event.job_id for event in store._log] == ["job00001"] * 2


async def test_a_submit_that_failed_can_be_made_again(pauses):
    """Nothing of it stays under way, whatever kind of failure it was."""
    store = FaultyStore(UNAVAILABLE, FULL)
    async with running(store) as journal:
        for error in (StoreUnavailable, StorageFull):
            with pytest.raises(error):
                await journal.submit(a_job(1))
        with anyio.fail_after(20):
            assert (await journal.submit(a_job(1))).version == 1


async def test_a_job_that_keeps_changing_behind_our_back_is_given_up():
    class Restless(FaultyStore):
        async def commit(self, writes):
            self.commits.append(writes)
            return [None] * len(writes) if len(self.commits) > 1 else await super().commit(writes)

    store = Restless()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        tried = len(store.commits)
        with pytest.raises(Conflict, match="job00001 keeps changing"):
            await journal.record(ADDRESS, Began(attempt=1))
        assert len(store.commits) - tried == journal_module.CONFLICTS_MAX + 1


async def test_when_it_fails_everybody_is_told_and_nothing_more_is_taken(monkeypatch):
    monkeypatch.setattr(journal_module, "BATCH_MAX", 1)

    class Stolen(FaultyStore):
        async def commit(self, writes):
            await anyio.lowlevel.checkpoint()
            raise Conflict("another process owns this store now")

    journal = Journal(Stolen(), FakeClock(), FakeEntropy())
    answers = [journal.submit(a_job(number)) for number in range(5)]
    with pytest.raises(ExceptionGroup) as stopped:
        await journal.run()
    assert stopped.group_contains(Conflict)
    kinds = [type(answer.exception()) for answer in answers]
    assert set(kinds) == {Conflict, WorkspaceClosed}
    assert kinds.count(Conflict) <= journal_module.COMMITTERS
    with anyio.fail_after(20):
        with pytest.raises(WorkspaceClosed):
            await journal.submit(a_job(9))
        await journal.close()


async def test_closing_waits_for_what_was_taken_and_takes_no_more():
    store, go_on = FaultyStore(), anyio.Event()
    store.plan = [go_on.wait]
    journal = Journal(store, FakeClock(), FakeEntropy())
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        answer = journal.submit(a_job(1))
        closing = asyncio.get_running_loop().create_future()

        async def close():
            await journal.close()
            closing.set_result(answer.done())

        group.start_soon(close)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(WorkspaceClosed):
            await journal.submit(a_job(2))
        assert not closing.done()
        go_on.set()
        with anyio.fail_after(20):
            assert await closing
    assert [event.job_id for event in store._log] == ["job00001"]


async def test_closing_ends_every_committer(caplog):
    """One finds, when it is told of the closing, a change that waits for the other's, and waits with it."""
    store, go_on = FaultyStore(), anyio.Event()
    journal = Journal(store, FakeClock(), FakeEntropy())
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(journal.run)
            journal.hold(await journal.submit(a_job(1)))
            store.plan = [go_on.wait]
            answers = [journal.record(ADDRESS, Amended(name=name)) for name in "ab"]
            group.start_soon(journal.close)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
            assert [(await answer).name for answer in answers] == ["a", "b"]
    assert len(store._log) == 3
    assert caplog.records == []


async def test_a_commit_that_fails_is_logged(pauses, caplog):
    async with running(FaultyStore(UNAVAILABLE, FULL)) as journal:
        for _ in range(2):
            with pytest.raises((StoreUnavailable, StorageFull)):
                await journal.submit(a_job(1))
    assert len([record for record in caplog.records if "commit failed" in str(record.msg)]) == 2


async def test_cancelling_it_loses_nothing_that_was_taken():
    """Only `close` ends it."""
    store, go_on = FaultyStore(), anyio.Event()
    store.plan = [go_on.wait]
    journal = Journal(store, FakeClock(), FakeEntropy())
    async with anyio.create_task_group() as group:
        group.start_soon(journal.run)
        answers = [journal.submit(a_job(1))]
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(20):
            answers.append(journal.submit(a_job(2)))
            go_on.set()
            assert [(await answer).id for answer in answers] == ["job00001", "job00002"]
            await journal.close()
    assert len(store._log) == 2


async def test_a_row_that_can_not_be_read_now_is_read_later(pauses):
    """A change of a job that is not at hand waits for the store, as long as the workspace is open."""

    class Blind(FaultyStore):
        outages = 3

        async def get(self, workspace, job_id):
            if self.outages:
                self.outages -= 1
                raise StoreUnavailable("can not read now")
            return await super().get(workspace, job_id)

    store = Blind()
    async with running(store) as journal:
        await journal.submit(a_job(1))
        assert (await journal.record(ADDRESS, Began(attempt=1))).driving
        assert [failures for failures, _, _ in pauses] == [1, 2, 3]
        store.outages = 10**9
        answer = journal.record(ADDRESS, Cancelled())
        while len(pauses) < 6:
            await anyio.lowlevel.checkpoint()
    with pytest.raises(StoreUnavailable):
        await answer
    assert len(store._log) == 2
