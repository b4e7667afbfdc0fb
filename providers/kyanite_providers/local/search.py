"""Drives one search in a worker: hands it over, passes progress on, and passes on the wish to stop."""

from __future__ import annotations

import math
from typing import Final

import anyio

from kyanite.errors import ProviderError
from kyanite.ports import Task
from kyanite_providers.local.control import Progress
from kyanite_providers.local.convergence import POINTS_MAX
from kyanite_providers.local.frames import Refused, Reply, Run, Solved, raised
from kyanite_providers.local.pool import WorkerPool
from kyanite_providers.local.process import WorkerProcess

PROGRESS_POLL_S: Final = 0.1


class Search:
    """One run of one job. `stop_grace_s` is how long a worker may take to stop before it is killed."""

    def __init__(self, task: Task, pool: WorkerPool, request: Run, *, stop_grace_s: float) -> None:
        """Do nothing yet."""
        self._task = task
        self._pool = pool
        self._request = request
        self._stop_grace_s = stop_grace_s
        self._worker: WorkerProcess | None = None
        self._outcome: Reply | ProviderError | None = None
        self._told: Progress | None = None

    async def drive(self) -> Solved | None:
        """Return what was found; `None` if a cancel was requested before there was anything.

        Raises `ProviderError`. Cancelling the coroutine kills the worker.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(self._ask, group.cancel_scope)
            await self._watch()
            group.cancel_scope.cancel()
        match self._outcome:
            case ProviderError() as error:
                raise error
            case Refused() as refused:
                raise raised(refused)
            case Solved() as solved if _makes_sense(solved):
                return solved
            case None:
                return None
            case other:
                raise ProviderError("ProviderFault", f"the worker's answer, {type(other).__name__}, makes no sense")

    async def _ask(self, scope: anyio.CancelScope) -> None:
        source = self._request.source
        try:
            async with self._pool.worker(source.sha256) as worker:
                worker.control.reset()
                worker.held = source.sha256
                self._worker = worker
                self._outcome = await worker.ask(self._request)
        except ProviderError as error:
            self._outcome = error
        scope.cancel()

    async def _watch(self) -> None:
        """Pass progress on until a cancel is requested; then stop the worker, and return when its grace is
        over.
        """
        while not await self._cancel_requested():
            self._tell()
        if self._worker is None:
            return
        self._worker.control.stop()
        await anyio.sleep(self._stop_grace_s)

    async def _cancel_requested(self) -> bool:
        with anyio.move_on_after(PROGRESS_POLL_S):
            await self._task.wait_cancel_requested()
            return True
        return False

    def _tell(self) -> None:
        if self._worker is None or not self._worker.alive:
            return
        progress = self._worker.control.progress()
        if progress is not None and progress != self._told and math.isfinite(progress.best_cost):
            self._told = progress
            self._task.progress(progress.fraction, sweep=progress.sweep, best_cost=progress.best_cost)


def _makes_sense(solved: Solved) -> bool:
    """Tell whether what a worker says of its search can stand in a job's row."""
    points = solved.convergence
    figures = [solved.search_s, *(figure for point in points[:POINTS_MAX] for figure in point)]
    return len(points) <= POINTS_MAX and all(map(math.isfinite, figures)) and solved.sweeps >= 0
