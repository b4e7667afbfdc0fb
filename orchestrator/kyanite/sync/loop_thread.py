"""An event loop in a thread of its own, for callers that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import closing, suppress
from typing import Any, TypeVar

from kyanite.errors import WorkspaceClosed

T = TypeVar("T")
Action = Callable[[], Coroutine[Any, Any, T]]


class LoopThread:
    """Runs coroutines for other threads. A daemon, so that one that is stuck never keeps the process alive."""

    def __init__(self, name: str) -> None:
        """Start the thread, and return once its loop runs."""
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._changing = threading.RLock()  # a generator that the collector drops may spawn its end in here
        self._under_way: set[Future[Any]] = set()
        self._ended = False
        self._thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=True)
        self._thread.start()
        self._loop = started.result()

    def spawn(self, action: Action[T]) -> Future[T]:
        """Have a coroutine run, and return its future; cancelling that cancels the coroutine.

        Raises `WorkspaceClosed` after the end, and `RuntimeError` in the loop's own thread.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call inside the workspace's own event loop would wait for itself for ever")
        with self._changing:
            if self._ended or not self._thread.is_alive():
                raise WorkspaceClosed("its thread has ended")
            future = asyncio.run_coroutine_threadsafe(action(), self._loop)
            self._under_way.add(future)
        future.add_done_callback(self._done)
        return future

    def call(self, action: Action[T]) -> T:
        """Run a coroutine to its end, and return what it returns or raise what it raises."""
        return outcome(self.spawn(action))

    def end(self, timeout_s: float) -> bool:
        """Cancel what still runs, wait for the thread to be gone, and tell whether it is."""
        with self._changing:
            self._ended = True
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _done(self, future: Future[Any]) -> None:
        with self._changing:
            self._under_way.discard(future)

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        try:
            # Not `asyncio.run`, which starts a thread to end the default executor: when the program ends, the first
            # releases of Python 3.12 start none any more. Closing the loop lets go of the executor, too.
            with closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(self._main(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            with self._changing:
                self._ended = True
                left = list(self._under_way)
            for future in left:
                # Scheduled so late that the loop ended first: nobody else would ever resolve it.
                future.cancel()

    async def _main(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        self._stop = asyncio.Event()
        started.set_result(asyncio.get_running_loop())
        await self._stop.wait()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        await asyncio.get_running_loop().shutdown_asyncgens()


def outcome(future: Future[T]) -> T:
    """Return what a coroutine returns, or raise what it raises.

    A caller that is interrupted meanwhile, by Ctrl-C for instance, gets away at once, and the coroutine is cancelled.
    """
    try:
        return future.result()
    except CancelledError:
        raise WorkspaceClosed("it closed meanwhile") from None
    except BaseException:
        future.cancel()
        raise
