"""Threads that take all the work that waits at once, and answer it on the event loop with one call.

A task and a thread hop for each piece of work would cost more than the work: 36 and 110 us.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from kyanite.blobs.patience import Patience
from kyanite.errors import WorkspaceClosed

BATCH_BYTES_MAX = 8 * 1024 * 1024


class Work(Struct, eq=False, kw_only=True):
    """Something to do in a thread; the future takes the outcome, which may be an exception, as its result.

    An exception set as such would be complained about when the coroutine that waits has been cancelled.
    """

    future: asyncio.Future[Any]
    weight_bytes: int = 0


W = TypeVar("W", bound=Work)
W_contra = TypeVar("W_contra", bound=Work, contravariant=True)


class Server(Protocol[W_contra]):
    """What does the work; made, used and closed in one thread."""

    def answer(self, batch: Sequence[W_contra], /) -> Sequence[object]:
        """Return one outcome for each piece of work."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class BatchThreads(Generic[W]):
    """Threads at one queue, each with a server of its own, each taking at most `batch_max` pieces of work at once."""

    def __init__(self, name: str, serve: Callable[[], Server[W]], *, batch_max: int, threads: int = 1) -> None:
        """Remember what to start; `serve` will be called in each thread."""
        self._name = name
        self._serve = serve
        self._batch_max = batch_max
        self._threads = threads
        self._queue: SimpleQueue[W | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended: list[asyncio.Future[object]] = []
        self._open = False

    async def start(self) -> None:
        """Start the threads; raises what `serve` raised, with no thread left."""
        ready: list[asyncio.Future[object]] = []
        for number in range(self._threads):
            ready.append(self._loop.create_future())
            self._ended.append(self._loop.create_future())
            # A daemon: an interpreter that exits without `stop` need not wait, as nothing unanswered was promised.
            arguments = (ready[-1], self._ended[-1])
            threading.Thread(target=self._run, args=arguments, name=f"{self._name}-{number}", daemon=True).start()
        self._open = True
        with Patience() as patience:
            outcomes = [await patience.wait(future) for future in ready]
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                await self.stop()
                raise outcome

    async def stop(self) -> None:
        """Let the threads finish what waits, and wait for their end."""
        if self._open:
            self._open = False
            for _ in range(self._threads):
                self._queue.put(None)
        with Patience() as patience:
            for future in self._ended:
                await patience.wait(future)

    def submit(self, work: W) -> None:
        """Queue work; its future will be answered. Raises `WorkspaceClosed` after `stop`."""
        if not self._open:
            raise WorkspaceClosed("the blob store has been closed")
        self._queue.put(work)

    def _run(self, ready: asyncio.Future[object], ended: asyncio.Future[object]) -> None:
        try:
            server = self._serve()
        except Exception as error:  # noqa: BLE001  # `start` raises it
            self._post([(ready, error), (ended, None)])
            return
        self._post([(ready, None)])
        more = True
        while more:
            batch, more = self._take()
            if batch:
                self._post(zip([work.future for work in batch], _answers(server, batch), strict=True))
        server.close()
        self._post([(ended, None)])

    def _take(self) -> tuple[list[W], bool]:
        """Wait for work, and take what else is there; false when it is time to stop."""
        work = self._queue.get()
        batch: list[W] = []
        weight = 0
        while work is not None:
            batch.append(work)
            weight += work.weight_bytes
            if len(batch) >= self._batch_max or weight >= BATCH_BYTES_MAX:
                return batch, True
            try:
                work = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _post(self, outcomes: Iterable[tuple[asyncio.Future[object], object]]) -> None:
        # A loop that was closed without `stop` has nobody left who waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_settle, outcomes)


def _answers(server: Server[W], batch: list[W]) -> Sequence[object]:
    try:
        return server.answer(batch)
    except Exception as error:  # noqa: BLE001  # every coroutine that waits raises it
        return [error] * len(batch)


def _settle(outcomes: Iterable[tuple[asyncio.Future[object], object]]) -> None:
    for future, outcome in outcomes:
        if not future.done():
            future.set_result(outcome)
