"""Those who use the workspace: they repeat what failed, remember what they were promised, and check every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kyanite.core.events import FINAL_EVENTS
from kyanite.core.job import FINAL, JobDetails, Status
from kyanite.errors import (
    BlobCorrupt,
    Conflict,
    IdConflict,
    InvalidRequest,
    JobNotFound,
    StorageFull,
    StoreUnavailable,
    WorkspaceClosed,
)
from kyanite.testing.simulation.life import LIFE, Killed

if TYPE_CHECKING:
    from kyanite.runtime.workspace import Workspace
    from kyanite.testing.simulation.world import World

T = TypeVar("T")
WAIT_S = 600.0
END_S = 86_400.0
"""Virtual seconds in which any job must have ended."""


class Lost(Exception):
    """The process died amid the call: whether it took effect is not known."""


AGAIN = (Lost, Conflict, StorageFull, StoreUnavailable, WorkspaceClosed, BlobCorrupt)
"""What a client answers by calling again."""


class Client:
    """One caller. Every method goes on until it has an answer, whatever dies meanwhile."""

    def __init__(self, world: World, number: int) -> None:
        """Have no jobs yet."""
        self.world = world
        self.number = number
        self.jobs: dict[str, JobDetails] = {}
        """What was acknowledged: each job's newest row that this client was shown."""
        self.deleted: set[str] = set()
        self._calls: dict[str, Callable[[Workspace], Awaitable[JobDetails]]] = {}

    async def submit(self, target: str, input: Any, **options: Any) -> str:  # noqa: A002  # the model's word
        """Submit a job, and again under the same id until it is acknowledged. Return its id."""
        job_id = f"{self.number}-{len(self._calls) + 1}"

        async def call(workspace: Workspace) -> JobDetails:
            return (await workspace.submit(target, input, job_id=job_id, **options)).details

        self._calls[job_id] = call
        self._shown(await self.again(call))
        return job_id

    async def repeat(self, job_id: str) -> None:
        """Submit a job once more: the answer is the job that there is, or, of a deleted one, a refusal."""
        try:
            self._shown(await self.again(self._calls[job_id]))
        except IdConflict:
            if job_id not in self.deleted:
                self.world.fail(f"{job_id} was submitted again, and was taken for another job")
        else:
            if job_id in self.deleted:
                self.world.fail(f"{job_id} was deleted, and could be submitted again")

    async def cancel(self, job_id: str) -> JobDetails:
        """Cancel a job; the answer must be its end, or say that the cancel is pending."""

        async def call(workspace: Workspace) -> JobDetails:
            return (await workspace.cancel_job(job_id, "simulated")).details

        row = self._shown(await self.again(call))
        if not row.final and not row.cancel_requested:
            self.world.fail(f"{job_id} was to be cancelled, and has neither ended nor been asked to")
        return row

    async def amend(self, job_id: str, **changes: Any) -> None:
        """Change labels or priority, if that can still be done."""

        async def call(workspace: Workspace) -> JobDetails:
            return (await (await workspace.get_job(job_id)).amend(**changes)).details

        try:
            self._shown(await self.again(call))
        except InvalidRequest:
            if "priority" not in changes:
                raise

    async def wait(self, job_id: str) -> JobDetails:
        """Return the job's row once it has ended. Fails the run if that takes longer than any bad luck explains."""
        deadline_s = self.world.loop.time() + END_S

        async def call(workspace: Workspace) -> JobDetails:
            return (await (await workspace.get_job(job_id)).wait(WAIT_S)).details

        while True:
            try:
                return self._shown(await self.again(call))
            except TimeoutError:
                if self.world.loop.time() > deadline_s:
                    row = self.world.witness.rows.get(("default", job_id))
                    self.world.fail(f"{job_id} does not end; it stands at\n  {row}")

    async def delete(self, job_id: str) -> None:
        """Remove an ended job; it may take several calls to be told that it is gone."""

        async def call(workspace: Workspace) -> bool:
            try:
                return await workspace.delete_job(job_id)
            except JobNotFound:
                return True

        if await self.again(call):
            self.deleted.add(job_id)
            if ("default", job_id) in self.world.witness.rows:
                self.world.fail(f"{job_id} was said to be deleted, and is there")

    async def results(self, job_id: str) -> bytes | None:
        """Return the output of a job that has succeeded."""
        row = self.jobs[job_id]
        if row.status is not Status.SUCCEEDED:
            return None

        async def call(workspace: Workspace) -> bytes:
            return await workspace.download(str(row.output_data_uri))

        return await self.again(call)

    async def look(self, job_id: str) -> None:
        """List jobs, and read this one's story."""

        async def call(workspace: Workspace) -> None:
            async for job in workspace.list_jobs(page_size=7, limit=20):
                self.world.witness.shown(job.details, "a client")
            story = await (await workspace.get_job(job_id)).story()
            if [event.version for event in story] != list(range(1, len(story) + 1)):
                self.world.fail(f"the story of {job_id} has gaps: {story}")
            if sum(isinstance(event, FINAL_EVENTS) for event in story) > 1:
                self.world.fail(f"{job_id} ended twice: {story}")

        await self.again(call)

    async def again(self, call: Callable[[Workspace], Awaitable[T]]) -> T:
        """Call, and call again while the outcome is not known."""
        while True:
            try:
                return await self.once(call)
            except AGAIN:
                await asyncio.sleep(self.world.draw())

    async def once(self, call: Callable[[Workspace], Awaitable[T]]) -> T:
        """Call the process that serves. Raises `Lost` if it dies meanwhile."""
        life = await self.world.serving()
        task = asyncio.current_task()
        if task is None or life.workspace is None:
            raise Lost
        life.callers[task] = None
        token = LIFE.set(life)
        try:
            return await call(life.workspace)
        except Killed:
            raise Lost from None
        except asyncio.CancelledError:
            if life.alive:
                raise
            task.uncancel()
            raise Lost from None
        finally:
            LIFE.reset(token)
            life.callers.pop(task, None)

    def _shown(self, row: JobDetails) -> JobDetails:
        """Check an answer against what was stored, and against what this client was told before."""
        self.world.witness.shown(row, f"client {self.number}")
        before = self.jobs.get(row.id)
        if before is not None and before.status in FINAL and before.status is not row.status:
            self.world.fail(f"client {self.number} was told that {row.id} had {before.status}, and then {row.status}")
        self.jobs[row.id] = row
        return row
