"""A few worker processes, started when first needed, kept warm, replaced when they die.

Decisions are plain synchronous code, taken when somebody asks, when a worker is ready or given back, and when
one ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

import anyio

from kyanite.errors import ProviderError, RetryableError
from kyanite_providers.local.frames import Ping, Refused, Reply, Request, raised
from kyanite_providers.local.process import WorkerProcess

_LEAVE_S: Final = 2.0


class _Waiter(NamedTuple):
    held: str
    future: asyncio.Future[WorkerProcess]


class WorkerPool:
    """At most `size` workers; `first` is what each is asked before it is lent."""

    def __init__(
        self,
        size: int,
        environment: Mapping[str, str],
        *,
        first: Callable[[], Request] = Ping,
        on_start: Callable[[WorkerProcess], None] | None = None,
        on_ready: Callable[[WorkerProcess], None] | None = None,
    ) -> None:
        """Start nothing yet. `on_start` and `on_ready` hear of each new worker."""
        self._size = size
        self._environment = environment
        self._first = first
        self._on_start = on_start
        self._on_ready = on_ready
        self._workers: set[WorkerProcess] = set()
        self._starting = 0
        self._idle: deque[WorkerProcess] = deque()
        self._waiters: deque[_Waiter] = deque()
        self._open = True

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers there are."""
        return sorted(worker.pid for worker in self._workers)

    @property
    def busy(self) -> int:
        """How many workers are lent."""
        return max(len(self._workers) - self._starting - len(self._idle), 0)  # one that dies leaves in two steps

    @asynccontextmanager
    async def worker(self, held: str = "") -> AsyncIterator[WorkerProcess]:
        """Lend a worker, if possible one that keeps the problem with this hash.

        Leaving while its answer is still to come kills it. Raises `RetryableError` `WorkerDied` if one can
        not start.
        """
        worker = await self._acquire(held)
        try:
            yield worker
        finally:
            self._release(worker)

    def fill(self) -> None:
        """Start the workers that have not started yet; they make themselves ready. Raises `OSError`."""
        while self._open and len(self._workers) < self._size:
            self._start()

    async def ask(self, request: Request) -> Reply:
        """Ask any worker. Raises `ProviderError` for a refusal, and for a worker that died
        `RetryableError`.
        """
        async with self.worker() as worker:
            reply = await worker.ask(request)
        if isinstance(reply, Refused):
            raise raised(reply)
        return reply

    async def aclose(self) -> None:
        """Let all workers go, and wait until they are gone; one that stays is killed. May be called twice."""
        self._open = False
        workers = list(self._workers)
        while self._waiters:
            _fail(self._waiters.popleft(), RetryableError("WorkerDied", "the local provider is closing"))
        for worker in workers:
            worker.dismiss()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_LEAVE_S):
                for worker in workers:
                    await worker.ended.wait()
            for worker in workers:
                if not worker.ended.is_set():
                    worker.kill()
                await worker.ended.wait()

    async def _acquire(self, held: str) -> WorkerProcess:
        if not self._open:
            raise RetryableError("WorkerDied", "the local provider is closed")
        if self._idle:
            worker = next((worker for worker in self._idle if held and worker.held == held), self._idle[0])
            self._idle.remove(worker)
            return worker
        waiter = _Waiter(held, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._grow()
        try:
            return await waiter.future
        except BaseException:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self._release(waiter.future.result())
            raise

    def _release(self, worker: WorkerProcess) -> None:
        if worker.busy:
            worker.kill()
        elif worker.alive:
            self._lend(worker)

    def _lend(self, worker: WorkerProcess) -> None:
        """Give a free worker to who has waited longest; those whose wait is over are passed by."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.future.done():
                waiter.future.set_result(worker)
                return
        self._idle.append(worker)

    def _grow(self) -> None:
        """Start as many workers as there are waiters without one coming, within the limit."""
        while self._open and len(self._workers) < self._size and self._starting < len(self._waiters):
            try:
                self._start()
            except OSError as error:
                _fail(
                    self._waiters.popleft(),
                    RetryableError("WorkerDied", f"a worker can not be started: {error}"),
                )

    def _start(self) -> None:
        worker = WorkerProcess(self._environment, self._on_end)
        self._workers.add(worker)
        self._starting += 1
        if self._on_start:
            self._on_start(worker)
        worker.ask(self._first()).add_done_callback(partial(self._on_first_reply, worker))

    def _on_first_reply(self, worker: WorkerProcess, reply: asyncio.Future[Reply]) -> None:
        self._starting -= 1
        error = reply.exception()
        if error is None and isinstance(refused := reply.result(), Refused):
            error = raised(refused)
            worker.kill()
        if error is None:
            if self._on_ready:
                self._on_ready(worker)
            self._release(worker)
        elif self._waiters:
            # One waiter hears of each failed start, so that a worker which can not start is not started for
            # ever.
            _fail(self._waiters.popleft(), error)

    def _on_end(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._grow()


def _fail(waiter: _Waiter, error: BaseException) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(
            error if isinstance(error, ProviderError) else RetryableError("WorkerDied", str(error))
        )
