"""The contract of providers, as a suite: subclass it, say how to make one and what to feed it, and pytest runs it.

The provider runs behind the real runtime, with store and blobs in memory.
"""

from __future__ import annotations

from typing import Any

import anyio

from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import LimitSettings, Settings
from kyanite.core.events import FINAL_EVENTS, Began, Event, Failed
from kyanite.core.job import Status
from kyanite.ports import Provider
from kyanite.runtime.job import Job
from kyanite.runtime.workspace import Workspace
from kyanite.stores.memory import MemoryStore

PATIENCE_S = 60.0


class ProviderContract:
    """What every provider does. Override `provider`, `target`, `submission` and, where they apply, the others."""

    target: str
    """The target that the suite submits to."""

    submission: dict[str, Any] = {"input": b"input"}  # noqa: RUF012  # overridden, never changed
    """Arguments of `Workspace.submit` for a job that succeeds soon."""

    long_submission: dict[str, Any] | None = None
    """Arguments for a job that executes until it is cancelled; `None` if the provider has none."""

    bad_submission: dict[str, Any] | None = None
    """Arguments for a job whose input the provider refuses; `None` if it refuses none."""

    cancel_s: float = 5.0
    """How soon a cancelled job must have ended."""

    def provider(self) -> Provider:
        """Return a fresh provider."""
        raise NotImplementedError

    def check_results(self, results: Any) -> None:
        """Assert that the results of `submission` are right."""
        assert results is not None

    def workspace(self, store: MemoryStore | None = None, blobs: MemoryBlobs | None = None) -> Workspace:
        """Return a workspace with the provider; the same store and blobs make it a later life of one before."""
        return Workspace(
            store=store or MemoryStore(),
            blobs=blobs or MemoryBlobs(),
            providers=[self.provider()],
            settings=Settings(limits=LimitSettings(shutdown_grace_s=0.1)),
        )

    async def test_targets_are_well_formed(self) -> None:
        """Ids are unique, stable, and the target under test is among them."""
        provider = self.provider()
        ids = [target.id for target in provider.targets()]
        assert self.target in ids
        assert len(set(ids)) == len(ids)
        assert ids == [target.id for target in provider.targets()]
        assert all(target.provider_id and target.slots > 0 for target in provider.targets())

    async def test_a_job_succeeds_and_its_output_is_there(self) -> None:
        """From submit to results."""
        async with self.workspace() as workspace:
            job = await workspace.submit(self.target, **self.submission)
            self.check_results(await job.get_results(PATIENCE_S))
            assert job.details.output_size is not None
            assert job.details.end_execution_time is not None

    async def test_jobs_side_by_side_do_not_mix(self) -> None:
        """Several at once, each with an end of its own."""
        async with self.workspace() as workspace, anyio.create_task_group() as group:

            async def one() -> None:
                job = await workspace.submit(self.target, **self.submission)
                self.check_results(await job.get_results(PATIENCE_S))

            for _ in range(5):
                group.start_soon(one)

    async def test_a_cancelled_job_ends_soon_and_the_next_one_runs(self) -> None:
        """A request to cancel is honoured, and what executed leaves no trace on its successor."""
        if self.long_submission is None:
            return
        async with self.workspace() as workspace:
            job = await workspace.submit(self.target, **self.long_submission)
            await _until(job, Began)
            with anyio.fail_after(self.cancel_s):
                await job.cancel("contract")
            assert job.details.status is Status.CANCELLED
            if job.details.output_data_uri is not None:
                assert await job.read_results() is not None
            after = await workspace.submit(self.target, **self.submission)
            self.check_results(await after.get_results(PATIENCE_S))

    async def test_a_time_limit_ends_a_job(self) -> None:
        """Cancellation of the coroutine stops it promptly."""
        if self.long_submission is None:
            return
        async with self.workspace() as workspace:
            job = await workspace.submit(self.target, **self.long_submission, timeout_s=0.5)
            await job.wait(PATIENCE_S)
            assert job.details.error_data is not None
            assert job.details.error_data.code == "TimedOut"

    async def test_stopping_lets_go_and_the_next_life_can_cancel(self) -> None:
        """Shutdown decides nothing about a job."""
        if self.long_submission is None:
            return
        store, blobs = MemoryStore(), MemoryBlobs()
        async with self.workspace(store, blobs) as workspace:
            job = await workspace.submit(self.target, **self.long_submission)
            await _until(job, Began)
        row = await store.get(workspace.name, job.id)
        assert row is not None
        assert row.status is Status.EXECUTING
        async with self.workspace(store, blobs) as workspace:
            again = await workspace.get_job(job.id)
            with anyio.fail_after(self.cancel_s):
                await again.cancel()
            assert again.details.status is Status.CANCELLED
            assert sum(isinstance(event, FINAL_EVENTS) for event in await again.story()) == 1

    async def test_bad_input_is_refused_with_a_clear_error(self) -> None:
        """The job fails with a code and a message, and the provider goes on."""
        if self.bad_submission is None:
            return
        async with self.workspace() as workspace:
            job = await (await workspace.submit(self.target, **self.bad_submission)).wait(PATIENCE_S)
            assert isinstance((await job.story())[-1], Failed)
            error = job.details.error_data
            assert error is not None
            assert error.code != "ProviderFault", f"the provider did not foresee this: {error.message}"
            assert error.message
            after = await workspace.submit(self.target, **self.submission)
            self.check_results(await after.get_results(PATIENCE_S))


async def _until(job: Job, kind: type[Event]) -> None:
    async for update in job.updates():
        if isinstance(update, kind):
            return
