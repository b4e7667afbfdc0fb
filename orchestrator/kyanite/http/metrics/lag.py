"""How late the event loop is: whatever keeps it busy for long keeps every client waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from kyanite.core.histogram import Histogram

INTERVAL_S = 0.1
BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class LoopLag:
    """Sets a timer again and again, and looks by how much each was late. The clock of selectors ticks by 1 ms."""

    def __init__(self) -> None:
        """Measure nothing yet."""
        self.histogram = Histogram(BOUNDS_S)
        self._timer: asyncio.TimerHandle | None = None

    async def measuring(self, app: web.Application) -> AsyncIterator[None]:
        """Measure as long as the application runs: a context of its cleanup."""
        del app
        self._set(asyncio.get_running_loop())
        yield
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(due := loop.time() + INTERVAL_S, self._late, loop, due)

    def _late(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self.histogram.observe(loop.time() - due)
        self._set(loop)
