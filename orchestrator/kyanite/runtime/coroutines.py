"""Targets that are plain coroutines: the provider behind `@workspace.target`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from kyanite.core.job import Status, Target
from kyanite.ports import Provider, Task

Coroutine: TypeAlias = Callable[[Task], Awaitable[Any]]


class CoroutineProvider(Provider):
    """Runs one coroutine function. What it returns becomes the output, unless it has written one itself."""

    def __init__(self, target: Target, function: Coroutine) -> None:
        """Serve one target with one function."""
        self.id = target.provider_id
        self._target = target
        self._function = function

    def targets(self) -> Sequence[Target]:
        """Return the one target."""
        return (self._target,)

    async def run(self, task: Task) -> Status | None:
        """Await the function."""
        result = await self._function(task)
        if isinstance(result, Status):
            return result
        if result is not None:
            await task.write_output(result)
        return None
