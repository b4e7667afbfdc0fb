"""What users and providers see, `Workspace` and `Task`, against a handful of plain rules about one job at a time.

The provider does what the machine tells it, step by step, and its slots are few, so that jobs wait.
"""

import asyncio

import anyio
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from kyanite import Workspace
from kyanite.config import LimitSettings, Settings
from kyanite.core.backoff import Backoff
from kyanite.core.events import FINAL_EVENTS
from kyanite.core.job import Status
from kyanite.errors import IdConflict, InvalidRequest, JobNotFound, ProviderError, RetryableError
from kyanite.testing.clocks import FakeClock, FakeEntropy
from tests.models.adapters import BLOB_STORES, JOB_STORES
from tests.models.machine import AsyncMachine, effort
from tests.models.workspace import SLOTS, JobModel, Obedient, Told
from tests.reliability import record

SETTINGS = Settings(
    limits=LimitSettings(cores=8, memory_bytes=1 << 30, cancel_grace_s=60.0, shutdown_grace_s=0.0),
    retry=Backoff(first_s=0.0, most_s=0.0),
)
PATIENCE_S = 30.0

fresh = st.integers(0, 40).map(lambda number: f"j{number}")
pick = st.integers(0, 20)


class WorkspaceMachine(AsyncMachine):
    """Submits, commands, cancels, amends, deletes and restarts."""

    stores = "memory"
    store_of, blobs_of = JOB_STORES["memory"], BLOB_STORES["memory"]

    async def begin(self):
        self.model, self.deleted = {}, set()
        self.clock, self.entropy = FakeClock(), FakeEntropy()
        self.store, self.blobs = self.store_of.make(self.folder), self.blobs_of.make(self.folder)
        await self.enter()

    async def enter(self):
        self.provider = Obedient()
        self.workspace = Workspace(
            store=self.store,
            blobs=self.blobs,
            providers=[self.provider],
            settings=SETTINGS,
            clock=self.clock,
            entropy=self.entropy,
        )
        opened, self.leave = asyncio.Event(), asyncio.Event()

        async def live():
            async with self.workspace:
                opened.set()
                await self.leave.wait()

        self.life = asyncio.get_running_loop().create_task(live())
        await opened.wait()

    async def end(self):
        self.leave.set()
        await self.life

    # Users ------------------------------------------------------------------------------------------------------------

    @rule(
        job=fresh,
        of=st.sampled_from(list(SLOTS)),
        priority=st.integers(-1, 1),
        attempts=st.integers(1, 3),
        content=st.sampled_from([b"", b"a", b"x" * 2_000]),
    )
    def submit(self, job, of, priority, attempts, content):
        """The same again is the same job; another under the same id is refused, for ever."""
        words = {"job_id": job, "priority": priority, "attempts_max": attempts}
        found = self.run(told(self.workspace.submit(of, content, **words)))
        there = self.model.get(job)
        if job in self.deleted or (there is not None and (there.target, there.content) != (of, content)):
            assert found is IdConflict
            return
        assert found.id == job
        if there is None:
            self.model[job] = JobModel(of, priority, attempts, content)
            self.model[job].born_s = self.clock.monotonic()
            self.clock.advance(1.0)

    @rule(
        names=st.lists(fresh, min_size=3, max_size=6, unique=True),
        of=st.sampled_from(list(SLOTS)),
        priorities=st.lists(st.integers(-2, 2), min_size=6, max_size=6),
        attempts=st.integers(1, 3),
    )
    def submit_several(self, names, of, priorities, attempts):
        """So that some have to wait."""
        for job, priority in zip(names, priorities, strict=False):
            if job not in self.model:
                self.submit(job, of, priority, attempts, b"")
                self.run(self.settle())

    @rule(at=pick, priority=st.integers(-2, 2))
    def amend(self, at, priority):
        job = self.any_job(at)

        async def amend():
            return await (await self.workspace.get_job(job)).amend(priority=priority)

        found, there = self.run(told(amend())), self.model.get(job)
        if there is None:
            assert found is JobNotFound
        elif there.status != "Waiting":
            assert found is InvalidRequest
        else:
            there.priority = priority

    @rule(at=pick)
    def cancel(self, at):
        """A job that waits, also for its next attempt, ends at once; one that executes hears of it, and decides."""
        job = self.any_job(at)
        there = self.model.get(job)
        if there is None:
            assert self.run(told(self.workspace.cancel_job(job))) is JobNotFound
        elif job in self.provider.inboxes:
            self.run(self.request(job, there))
        else:
            there.status = there.status if there.final else "Cancelled"
            assert self.run(self.workspace.cancel_job(job)).details.status == there.status

    async def request(self, job, there):
        async with anyio.create_task_group() as group:
            group.start_soon(self.workspace.cancel_job, job)
            seen = []

            async def look(task):
                await task.wait_cancel_requested()
                seen.append(task.cancel_requested)

            await self.tell(job, look)
            assert seen == [True]
            there.wanted = True
            group.cancel_scope.cancel()

    @rule(at=pick)
    def delete(self, at):
        job = self.any_job(at)
        there = self.model.get(job)
        found = self.run(told(self.workspace.delete_job(job)))
        assert found is (JobNotFound if there is None else there.final)
        if there is not None and there.final:
            del self.model[job]
            self.deleted.add(job)

    def any_job(self, at):
        """Return one of the jobs there are, or one that there is not."""
        names = [*sorted(self.model), "nobody"]
        return names[at % len(names)]

    # The provider -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.executing())
    @rule(at=pick, content=st.sampled_from([b"", b"out", b"y" * 2_000]))
    def write(self, at, content):
        """Once an execution."""
        job, there = self.picked(at)
        again = self.run(self.tell(job, lambda task: task.write_output(content)))
        assert again is (None if there.written is None else ProviderError)
        if there.written is None:
            there.written = content

    @precondition(lambda self: self.executing())
    @rule(at=pick, handle=st.integers(0, 9))
    def checkpoint(self, at, handle):
        job, there = self.picked(at)

        async def note(task):
            assert await task.read_input() == there.content
            await task.checkpoint(handle)
            assert task.details.handle == handle

        assert self.run(self.tell(job, note)) is None
        there.handle = handle

    @precondition(lambda self: self.executing())
    @rule(at=pick, how=st.sampled_from(["done", "done", Status.SUCCEEDED, Status.CANCELLED]))
    def finish(self, at, how):
        job, there = self.picked(at)

        async def finish(task):
            return how

        self.run(self.tell(job, finish))
        there.end("returned" if how == "done" else how)

    @precondition(lambda self: self.executing())
    @rule(at=pick, kind=st.sampled_from([ProviderError, RetryableError, KeyError]))
    def fail(self, at, kind):
        job, there = self.picked(at)
        error = KeyError("x") if kind is KeyError else kind("Broken", "the provider is told to fail")

        async def fail(task):
            raise Told(error)

        self.run(self.tell(job, fail))
        code = "ProviderFault" if kind is KeyError else "Broken"
        there.end("retryable" if kind is RetryableError else "raised", code)

    # Lives ------------------------------------------------------------------------------------------------------------

    @rule()
    def reopen(self):
        """In good order: what executes is let go of, is no interruption, and executes again."""
        self.run(self.end())
        for there in self.model.values():
            there.written = None if not there.final else there.written
            if there.status == "Executing" and there.wanted:
                there.status = "Cancelled"
        if self.store_of.persists:
            self.store, self.blobs = self.store_of.make(self.folder), self.blobs_of.make(self.folder)
        self.run(self.enter())

    # What always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def what_can_run_runs_and_every_row_is_the_models(self):
        self.run(self.settle())
        self.run(self.compare())
        type(self).compared += 1

    async def settle(self):
        """Wait until as many execute as can, and take over which: those that waited first, by priority and age."""
        for target, slots in SLOTS.items():
            alive = {job: there for job, there in self.model.items() if there.target == target and not there.final}
            await until(lambda: len(self.running(alive)) == min(slots, len(alive)))  # noqa: B023  # awaited at once
            self.take_over(alive, self.running(alive))
        await until(lambda: set(self.provider.inboxes) <= set(self.executing()))

    def running(self, alive):
        return [job for job in self.provider.inboxes if job in alive]

    def take_over(self, alive, running):
        begun = [job for job in running if alive[job].status == "Waiting"]
        left = [job for job in alive if alive[job].status == "Waiting" and job not in begun]
        for job in begun:
            alive[job].status = "Executing"
        if begun and left:
            assert max(alive[job].rank for job in begun) < min(alive[job].rank for job in left)

    async def compare(self):
        for job, there in self.model.items():
            held = await self.workspace.get_job(job)
            await self.stands(held, there)
            row = held.details
            assert (row.error_data.code if row.error_data else None) == there.code
            assert row.cancel_requested == (there.wanted or (row.cancel_requested and there.status == "Cancelled"))
            assert row.interruptions == 0
            assert sum(isinstance(event, FINAL_EVENTS) for event in await held.story()) == there.final
            if there.final:
                assert (row.output_size is None) == (there.written is None)
        counts = await self.workspace.count_jobs("status")
        assert counts == {status: number for status in Status if (number := self.standing(status))}
        assert self.workspace.host.engine.census.waiting == self.standing("Waiting")

    async def stands(self, held, there):
        """Wait until what the provider did last is recorded."""
        expected = (there.status, there.failures, there.handle)
        with anyio.fail_after(PATIENCE_S):
            while (held.details.status, held.details.failures, held.details.handle) != expected:
                await asyncio.sleep(0)
                await held.refresh()

    def standing(self, status):
        return sum(there.status == status for there in self.model.values())

    def executing(self):
        return sorted(job for job in self.provider.inboxes if job in self.model and not self.model[job].final)

    def picked(self, at):
        job = self.executing()[at % len(self.executing())]
        return job, self.model[job]

    async def tell(self, job, step):
        """Have the provider take a step; return the kind of error that it met."""
        done = asyncio.get_running_loop().create_future()
        self.provider.inboxes[job].put_nowait((step, done))
        with anyio.fail_after(PATIENCE_S):
            return await done


async def until(condition):
    """Let everything else go on until the condition holds."""
    with anyio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # no one event tells it: that nothing moves any more is the point
            await asyncio.sleep(0)


async def told(awaitable):
    """Return what comes back, or the type of the error that users are told of."""
    try:
        return await awaitable
    except (IdConflict, InvalidRequest, JobNotFound) as error:
        return type(error)


@pytest.mark.parametrize(("store", "blobs"), [("memory", "memory"), ("sqlite", "files")])
@pytest.mark.timeout(3_600)
def test_a_workspace_does_as_the_model_does(store, blobs):
    parts = {"store_of": JOB_STORES[store], "blobs_of": BLOB_STORES[blobs], "compared": 0}
    machine = type(f"{store}_machine", (WorkspaceMachine,), parts)
    run_state_machine_as_test(machine, settings=effort(quick=5, ci=50, soak=2_000))
    assert machine.compared > 0
    record(
        "Every adapter answers as its port's reference model does",
        f"workspace and task over {store} and {blobs}: {machine.compared:,} states compared, 0 differ",
        adapter=f"workspace over {store}",
        compared=machine.compared,
        differ=0,
    )
