"""Work for very many, done in slices between which everything else on the loop has its turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

SLICE_S = 0.001
"""How long the loop is kept at a time."""


class Rounds:
    """Goes through rounds, first in first out; a round is an iterator whose every step is a moment's work."""

    def __init__(self) -> None:
        """Work on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._rounds: deque[Iterator[None]] = deque()
        self._next: asyncio.Handle | None = None

    def begin(self, steps: Iterator[None]) -> None:
        """Go through these steps soon. They must not fail."""
        self._rounds.append(steps)
        if self._next is None:
            self._next = self._loop.call_soon(self._slice)

    def close(self) -> None:
        """Drop what is left to do."""
        self._rounds.clear()
        if self._next is not None:
            self._next.cancel()

    def _slice(self) -> None:
        time = self._loop.time
        latest = time() + SLICE_S
        while self._rounds:
            for _ in self._rounds[0]:
                if time() >= latest:
                    self._next = self._loop.call_soon(self._slice)
                    return
            self._rounds.popleft()
        self._next = None
