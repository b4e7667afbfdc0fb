"""One action for each of many items, several at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def each(workers: int, items: Sequence[T], action: Callable[[T], Awaitable[None]]) -> None:
    """Await the action for each item. Raises the first error of any, as itself."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await action(item)

    if len(items) <= 1:
        await work()
        return
    try:
        async with anyio.create_task_group() as group:
            for _ in range(min(workers, len(items))):
                group.start_soon(work)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
