"""The daemon's event loop: so much of what comes in at a time, that thousands of clients at once stall nobody."""

from __future__ import annotations

import asyncio
import math
import resource
import select
import selectors
import sys

READY_MAX = 32
"""How many sockets one turn of the loop looks after; those that have to wait come first in the next ones."""
ACCEPTED_MAX = 16
"""How many connections one turn of the loop accepts, as the backlog that asyncio is told."""


def new_loop() -> asyncio.AbstractEventLoop:
    """Return the loop to serve with; see `asyncio.Runner`."""
    return asyncio.SelectorEventLoop(_Paced()) if sys.platform == "linux" else asyncio.new_event_loop()


def raise_file_limit() -> int:
    """Let the process open as many files and sockets as it may at most; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


if sys.platform == "linux":

    class _Paced(selectors.EpollSelector):
        """Returns few events at a time, where the one of the standard library returns all there are.

        The kernel goes round: what was returned and is still ready comes after all others (see `epoll_wait(2)`).
        """

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            # Whole milliseconds, rounded up; below zero, until there is something.
            wait_s = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1e3) * 1e-3)
            keys = self.get_map()
            found = []
            for fd, event in self._selector.poll(wait_s, READY_MAX):  # type: ignore[attr-defined]
                key = keys.get(fd)
                if key is not None:
                    found.append((key, _mask(event) & key.events))
            return found

    def _mask(event: int) -> int:
        """Return what a socket is ready for; an error or a hang-up is for both sides to find out."""
        readable = selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
        return readable | (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0)
