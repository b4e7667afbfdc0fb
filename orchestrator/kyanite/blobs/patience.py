"""Waiting for work that can not be called off: a thread amid a write, a commit whose outcome decides what follows."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, TypeVar

import anyio

T = TypeVar("T")


class Patience:
    """Within `with Patience() as patience`, a cancellation is put off until the block's end, and raised there.

    anyio's shield alone would not do: `task.cancel()` and `asyncio.timeout` reach through it.
    """

    def __init__(self) -> None:
        """Nothing has been put off yet."""
        self._shield = anyio.CancelScope(shield=True)
        self._cancelled: asyncio.CancelledError | None = None

    def __enter__(self) -> Self:
        """Keep anyio's cancellations out."""
        self._shield.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the cancellation that came meanwhile; it weighs more than the block's own error."""
        self._shield.__exit__(kind, error, trace)
        if self._cancelled is not None:
            raise self._cancelled

    async def wait(self, future: asyncio.Future[T]) -> T:
        """Return the future's result once it is there, however long that takes."""
        while not future.done():
            try:
                await asyncio.wait((future,))
            except asyncio.CancelledError as error:
                self._cancelled = error
        return future.result()
