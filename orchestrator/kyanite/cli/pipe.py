"""Stdout as a pipe: whether somebody still reads it, found out also while there is nothing to write."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


@contextmanager
def while_read(scope: anyio.CancelScope) -> Iterator[list[int]]:
    """Cancel the scope once nobody reads stdout any more, where that can be seen.

    Yields a list that is empty until then.
    """
    gone: list[int] = []
    descriptor = sys.stdout.fileno()
    if sys.platform != "linux" or not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        yield gone
        return

    def leave() -> None:
        gone.append(descriptor)
        scope.cancel()
        loop.remove_reader(descriptor)

    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, leave)  # the writing end of a pipe is only ever ready so when the other end is closed
    try:
        yield gone
    finally:
        loop.remove_reader(descriptor)
