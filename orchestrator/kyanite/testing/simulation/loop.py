"""A seeded event loop in virtual time: the same seed gives the same run, and an hour's sleep takes no time.

Callbacks that are ready run in an order drawn from the seed; when none is, time jumps to the next timer. There are no
threads and no network here: what needs them must sit behind a port.
"""

from __future__ import annotations

import asyncio
import random
import threading
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from heapq import heappop
from inspect import CORO_CREATED, getcoroutinestate, iscoroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")
TURNS_MAX = 200_000
"""Callbacks at one instant of virtual time, beyond which something spins."""

PRIVATE = ("_ready", "_scheduled", "_stopping", "_run_once", "_thread_id")
"""What is relied upon of `BaseEventLoop` beyond its documentation; a test pins these names."""

FORBIDDEN = (
    *("run_in_executor", "set_default_executor", "getaddrinfo", "getnameinfo", "create_connection"),
    *("create_datagram_endpoint", "create_server", "create_unix_connection", "create_unix_server"),
    *("connect_accepted_socket", "connect_read_pipe", "connect_write_pipe", "subprocess_exec", "subprocess_shell"),
    *("add_reader", "add_writer", "sock_recv", "sock_sendall", "sock_connect", "sock_accept", "sendfile", "start_tls"),
    "add_signal_handler",
)
"""Ways out of the simulation."""


class Deadlock(RuntimeError):
    """Nothing is ready, and no timer will ever make it so."""


class Livelock(RuntimeError):
    """Callbacks keep each other busy while no time passes."""


class Forbidden(RuntimeError):
    """A thread, a process or the network was asked for: it must sit behind a port."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose hash is the number of its creation, so that sets of tasks are iterated in the same order always."""

    number = 0
    life: object = None
    """The simulated process it belongs to."""

    def __hash__(self) -> int:
        """Return the number."""
        return self.number

    def interrupt(self) -> None:
        """Cancel the task, but not before its first step: what it was to run would never have been awaited."""
        coroutine = self.get_coro()
        if not iscoroutine(coroutine) or getcoroutinestate(coroutine) != CORO_CREATED:
            self.cancel()


class SimulationLoop(BaseEventLoop):
    """Runs what is ready in a seeded order. `trace` is a hash of all decisions so far; `callbacks` counts them."""

    _ready: list[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool
    _thread_id: int | None

    def __init__(self, seed: int) -> None:
        """Begin at time 0."""
        super().__init__()
        self._ready = []
        self._draw = random.Random(seed).random
        self._now = 0.0
        self._tasks = 0
        self.callbacks = 0
        self.trace = 0
        self.owner: ContextVar[Any] | None = None
        """Holds to whom a task that is started belongs."""
        self.faults: list[dict[str, Any]] = []
        """What callbacks have raised and nobody has caught, as asyncio's exception handlers are told."""
        self.set_exception_handler(lambda _loop, context: self.faults.append(context))

    def time(self) -> float:
        """Return virtual seconds since the start."""
        return self._now

    def note(self, what: int) -> None:
        """Mix something into the trace that two equal runs must have in common."""
        self.trace = hash((self.trace, what))

    def create_task(
        self, coro: Any, *, name: object = None, context: Context | None = None, **options: Any
    ) -> NumberedTask:
        """Start a task with the next number."""
        task = NumberedTask(coro, loop=self, name=None if name is None else str(name), context=context, **options)
        self._tasks += 1
        task.number = self._tasks
        if self.owner is not None:
            task.life = self.owner.get(None) if context is None else context.get(self.owner)
        return task

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Have a callback run some time soon, not necessarily after those that came before it."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Accept callbacks of the loop's own thread. Raises `Forbidden` for any other."""
        if threading.get_ident() != self._thread_id:
            raise Forbidden("a callback came from another thread")
        return self.call_soon(callback, *args, context=context)

    def _run_once(self) -> None:
        ready, draw = self._ready, self._draw
        if not ready:
            self._advance()
        now, trace, turns = self._now, self.trace, 0
        while ready and not self._stopping:
            count = len(ready)
            if count > 1:
                chosen = int(draw() * count)
                handle = ready[chosen]
                ready[chosen] = ready[-1]
                ready.pop()
                self.trace = hash((self.trace, now, count, chosen))
            else:
                handle = ready.pop()
                self.trace = hash((self.trace, now))
            if not handle.cancelled():
                turns += 1
                handle._run()  # noqa: SLF001
            if turns > TURNS_MAX:
                raise Livelock(f"{turns:,} callbacks at {now:.3f} s (trace {trace:x})\n{self.pending()}")
        self.callbacks += turns

    def _advance(self) -> None:
        """Let time jump to the next timer."""
        timers = self._scheduled
        while timers and timers[0].cancelled():
            heappop(timers)._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001
        if not timers:
            raise Deadlock(f"at {self._now:.3f} s these wait for each other:\n{self.pending()}")
        self._now = max(self._now, timers[0].when())
        while timers and timers[0].when() <= self._now:
            timer = heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001
            self._ready.append(timer)

    def tasks(self) -> list[NumberedTask]:
        """Return the tasks that have not ended, oldest first."""
        tasks = [task for task in asyncio.all_tasks(self) if isinstance(task, NumberedTask)]
        return sorted(tasks, key=lambda task: task.number)

    def pending(self) -> str:
        """Say where each task waits, a line each."""
        return "\n".join(f"  {_place(task)}" for task in self.tasks())

    def timers(self) -> list[asyncio.TimerHandle]:
        """Return the timers that are set."""
        return [timer for timer in self._scheduled if not timer.cancelled()]


def _place(task: asyncio.Task[Any]) -> str:
    """Return the innermost place of a task that waits."""
    names: list[str] = []
    inner: Any = task.get_coro()
    while inner is not None and len(names) < 30:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "ag_frame", None) or getattr(inner, "gi_frame", None)
        if frame is not None:
            names.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        inner = (
            getattr(inner, "cr_await", None) or getattr(inner, "ag_await", None) or getattr(inner, "gi_yieldfrom", None)
        )
    return " > ".join(names[-6:])


def _forbid(name: str) -> Callable[..., NoReturn]:
    def refuse(self: SimulationLoop, *args: Any, **options: Any) -> NoReturn:
        del self, args, options
        raise Forbidden(f"{name}: what needs threads, processes or the network must sit behind a port")

    return refuse


for _name in FORBIDDEN:
    setattr(SimulationLoop, _name, _forbid(_name))


def run(loop: SimulationLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on this loop, and close the loop. Raises `Deadlock`, `Livelock`, and its own."""
    with _repeatable():
        try:
            return loop.run_until_complete(main)
        finally:
            _discard(loop)
            loop.close()


def _discard(loop: SimulationLoop) -> None:
    """End what is left of a run that failed, so that nothing is destroyed while pending."""
    for _ in range(100):
        left = loop.tasks()
        if not left:
            return
        for task in left:
            task.interrupt()
        loop.call_soon(loop.stop)
        try:
            loop.run_forever()
        except (Deadlock, Livelock):
            break
    for task in loop.tasks():
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001


def _hash_of_host(scope: Any) -> int:
    return hash(scope._host_task)  # noqa: SLF001


@contextmanager
def _repeatable() -> Iterator[None]:
    """Keep chance out: anyio iterates sets of cancel scopes, and the collector ends generators when it likes."""
    import gc

    from anyio._backends._asyncio import CancelScope

    collects = gc.isenabled()
    gc.disable()
    CancelScope.__hash__ = _hash_of_host  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        CancelScope.__hash__ = object.__hash__  # type: ignore[method-assign]
        if collects:
            gc.enable()
