"""Order, bounds and fairness of dispatch, with a window far smaller than the queue."""

import anyio
import pytest

from kyanite import Needs, Status
from kyanite.blobs.memory import MemoryBlobs
from kyanite.ports import JobQuery
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import executing, in_memory, settings, with_echo


class Gate:
    """A target that lets one job through at a time, when told to, and notes their order."""

    def __init__(self, workspace, *, slots=1, **options):
        self.ran = []
        self.open = anyio.Event()

        @workspace.target("acme.gate", slots=slots, **options)
        async def gate(task):
            await self.open.wait()
            self.ran.append(task.details.name)
            return b"x"


async def submit_all(workspace, count, **options):
    return [await workspace.submit("acme.gate", b"x", name=f"{number:03}", **options) for number in range(count)]


async def wait_all(jobs):
    for job in jobs:
        await job.wait(30)


@pytest.mark.parametrize("window", [1, 2, 7, 100])
async def test_jobs_run_in_order_whatever_the_window(window):
    async with in_memory(settings=settings(window=window)) as workspace:
        gate = Gate(workspace)
        jobs = await submit_all(workspace, 60)
        gate.open.set()
        await wait_all(jobs)
        assert gate.ran == [f"{number:03}" for number in range(60)]


async def test_memory_holds_the_window_and_no_more():
    async with in_memory(settings=settings(window=10)) as workspace:
        gate = Gate(workspace)
        jobs = await submit_all(workspace, 500)
        engine = workspace.host.engine
        assert len(engine.journal._rows) <= 21
        assert len(engine.dispatcher.lanes["default", "acme.gate"]) <= 20
        assert engine.census.waiting >= 499
        gate.open.set()
        await wait_all(jobs)
        assert engine.census.waiting == 0
        assert engine.journal._rows == {}


async def test_priority_goes_first_also_past_a_full_window():
    async with in_memory(settings=settings(window=4)) as workspace:
        gate = Gate(workspace)
        first = await workspace.submit("acme.gate", b"x", name="first")
        await executing(first)
        jobs = await submit_all(workspace, 30)
        urgent = [await workspace.submit("acme.gate", b"x", name=f"urgent {n}", priority=5) for n in range(20)]
        later = [await workspace.submit("acme.gate", b"x", name="later", priority=-5)]
        gate.open.set()
        await wait_all(jobs + urgent + later)
        assert gate.ran[0] == "first"
        assert gate.ran[1:21] == [f"urgent {n}" for n in range(20)]
        assert gate.ran[21:] == [f"{number:03}" for number in range(30)] + ["later"]


async def test_amending_the_priority_moves_a_waiting_job_from_anywhere():
    async with in_memory(settings=settings(window=4)) as workspace:
        gate = Gate(workspace)
        first = await workspace.submit("acme.gate", b"x", name="first")
        await executing(first)
        jobs = await submit_all(workspace, 30)
        await jobs[25].amend(priority=9)
        await jobs[1].amend(priority=8)
        await jobs[0].amend(priority=-9)
        gate.open.set()
        await wait_all(jobs)
        assert gate.ran == ["first", "025", "001", *(f"{n:03}" for n in range(2, 30) if n != 25), "000"]


async def test_cancelling_in_window_and_tail_is_immediate():
    async with in_memory(settings=settings(window=4)) as workspace:
        gate = Gate(workspace)
        first = await workspace.submit("acme.gate", b"x", name="first")
        await executing(first)
        jobs = await submit_all(workspace, 30)
        for job in jobs[::2]:
            await job.cancel()
            assert job.details.status is Status.CANCELLED
        gate.open.set()
        await wait_all(jobs)
        assert gate.ran == ["first", *(f"{number:03}" for number in range(1, 30, 2))]


async def test_submits_while_the_queue_drains_are_not_lost():
    async with with_echo(in_memory(settings=settings(window=3)), slots=5) as workspace:
        done = []

        async def client():
            for _ in range(40):
                job = await workspace.submit("acme.echo", b"x")
                done.append((await job.wait(30)).id)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(client)
        assert len(set(done)) == 800
        assert await workspace.count_jobs(status="succeeded") == 800


async def test_no_more_than_slots_execute_at_once():
    async with in_memory() as workspace:
        now, counts, go = 0, [], anyio.Event()

        @workspace.target("acme.few", slots=3)
        async def few(task):
            nonlocal now
            now += 1
            counts.append(now)
            await go.wait()
            await anyio.lowlevel.checkpoint()
            now -= 1
            return b"x"

        jobs = [await workspace.submit("acme.few", b"x") for _ in range(50)]
        go.set()
        await wait_all(jobs)
        assert max(counts) == 3


async def test_the_machine_is_shared_by_all_targets():
    async with in_memory(settings=settings(cores=2)) as workspace:
        now, most = 0.0, 0.0

        async def work(task):
            nonlocal now, most
            cores = 2.0 if task.details.target == "acme.wide" else 1.0
            now += cores
            most = max(most, now)
            await anyio.lowlevel.checkpoint()
            now -= cores
            return b"x"

        workspace.target("acme.narrow", needs=Needs(cores=1))(work)
        workspace.target("acme.wide", needs=Needs(cores=2))(work)
        jobs = [await workspace.submit(target, b"x") for _ in range(20) for target in ("acme.narrow", "acme.wide")]
        await wait_all(jobs)
        assert most == 2.0


async def test_a_target_that_comes_later_finds_its_jobs():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with in_memory(store, blobs, settings=settings(window=5, shutdown_grace_s=0.01)) as first:
        Gate(first, slots=2)
        jobs = await submit_all(first, 30)
    async with in_memory(store, blobs, settings=settings(window=5)) as second:
        assert await second.count_jobs(by="status") == {"Waiting": 28, "Executing": 2}
        orphan = await second.get_job(jobs[29].id)
        assert orphan.target_missing
        assert "target missing" in repr(orphan)
        await orphan.cancel()
        assert orphan.details.status is Status.CANCELLED
        gate = Gate(second)
        assert not (await second.get_job(jobs[28].id)).target_missing
        gate.open.set()
        for job in jobs[:29]:
            await (await second.get_job(job.id)).wait(30)
        assert sorted(gate.ran) == [f"{number:03}" for number in range(29)]


async def test_a_refill_that_misses_a_late_arrival_still_queues_it():
    """What is submitted behind the boundary while the store is being read must not fall between the two."""

    class Slow(MemoryStore):
        hold = None

        async def page(self, query):
            page = await super().page(query)
            if self.hold is not None and query.order == "rank":
                reached, go_on = self.hold
                reached.set()
                await go_on.wait()
            return page

    store = Slow()
    async with in_memory(store, settings=settings(window=2)) as workspace:
        gate = Gate(workspace)
        jobs = await submit_all(workspace, 6)
        store.hold = (anyio.Event(), anyio.Event())
        gate.open.set()
        await store.hold[0].wait()
        late = [await workspace.submit("acme.gate", b"x", name=f"late {n}") for n in range(3)]
        hold, store.hold = store.hold, None
        hold[1].set()
        await wait_all(jobs + late)
        assert gate.ran == [f"{number:03}" for number in range(6)] + ["late 0", "late 1", "late 2"]


async def test_a_job_that_a_refill_reads_before_its_commit_is_announced_is_executed_once_and_can_be_cancelled():
    class Early(MemoryStore):
        """Answers a commit only after a page was read that has what it stored."""

        def __init__(self):
            super().__init__()
            self.page_asked, self.stored, self.page_read = anyio.Event(), anyio.Event(), anyio.Event()

        async def commit(self, writes):
            positions = await super().commit(writes)
            if not self.stored.is_set():
                self.stored.set()
                await self.page_read.wait()
                for _ in range(10):  # until what was read is taken in
                    await anyio.lowlevel.checkpoint()
            return positions

        async def page(self, query):
            if query.order == "rank":
                self.page_asked.set()
                await self.stored.wait()
            page = await super().page(query)
            if page:
                self.page_read.set()
            return page

    store = Early()
    async with in_memory(store) as workspace:
        gate = Gate(workspace, slots=2)
        await store.page_asked.wait()
        job = await workspace.submit("acme.gate", b"x", name="early")
        await executing(job)
        for _ in range(10):  # until a second execution would have come and gone
            await anyio.lowlevel.checkpoint()
        assert list(workspace.host.engine.dispatcher.driven) == [("default", job.id)]
        gate.open.set()
        await job.wait(10)
        assert gate.ran == ["early"]


async def test_the_rank_in_the_store_is_the_one_in_memory():
    async with in_memory(settings=settings(window=2)) as workspace:
        gate = Gate(workspace)
        first = await workspace.submit("acme.gate", b"x")
        await executing(first)
        for priority in (0, 3, -2, 9, 0):
            await workspace.submit("acme.gate", b"x", name=str(priority), priority=priority)
        query = JobQuery(status=(Status.WAITING,), order="rank")
        assert [row.name for row in await workspace.host.storage.store.page(query)] == ["9", "3", "0", "0", "-2"]
        gate.open.set()
