"""Long examinations of the daemon by itself: in a thread with a loop of its own, while requests are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from threading import BoundedSemaphore
from typing import TypeAlias, TypeVar

import anyio
import anyio.to_thread

from kyanite.errors import QuotaExceeded

T = TypeVar("T")

Tell: TypeAlias = Callable[[T], Awaitable[None]]
"""Hands on one finding. Raises `BrokenResourceError` when nobody wants to hear more."""

AT_ONCE = 2
RETRY_AFTER_S = 5.0
UNHEARD_MAX = 64
_places = BoundedSemaphore(AT_ONCE)


@asynccontextmanager
async def aside(examine: Callable[[Tell[T]], Awaitable[None]]) -> AsyncIterator[AsyncIterator[T]]:
    """Yield what is found, as it is told. Raises `QuotaExceeded`, and when the block is left what `examine` raised.

    `examine` is called in another thread. When the block is left, it ends with the next thing that it tells.
    """
    if not _places.acquire(blocking=False):
        raise QuotaExceeded(f"{AT_ONCE} examinations go on already", RETRY_AFTER_S)
    loop = asyncio.get_running_loop()
    send, receive = anyio.create_memory_object_stream[T](UNHEARD_MAX)
    failures: list[Exception] = []

    async def told(finding: T) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(send.send(finding), loop))

    async def work() -> None:
        with send:
            try:
                await anyio.to_thread.run_sync(asyncio.run, _awaited(examine(told)))
            except Exception as error:  # noqa: BLE001  # as below
                failures.append(_first(error))

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            with receive:
                try:
                    yield receive
                except Exception as error:  # noqa: BLE001  # raised again where no group of tasks would wrap it
                    failures.insert(0, error)
        if failures and not isinstance(failures[0], anyio.BrokenResourceError):
            raise failures[0]
    finally:
        _places.release()


async def _awaited(examination: Awaitable[None]) -> None:
    await examination


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
