"""Ctrl-C and SIGTERM: the first ends what runs in good order, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from kyanite.cli.session import Session

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"


def run(action: Callable[[], Coroutine[Any, Any, T]], session: Session) -> T:
    """Run a coroutine to its end. A signal cancels it; then `Stop` is raised, with what the session says is left.

    So it is for one that comes before there is a task to cancel, or while the loop closes. Where an error came first,
    that is raised, and whatever the session is to run after it ends with `Stop` at once.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    def interrupt(number: int, frame: object) -> None:
        del frame
        if session.signals:
            _end_at_once(number, session.again("job", "list"))
        session.signals.append(number)
        for loop, task in running:
            loop.call_soon_threadsafe(task.cancel)

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs is in a task
        running.append((asyncio.get_running_loop(), task))
        try:
            if session.ends:
                raise asyncio.CancelledError
            return await action()
        finally:
            running.clear()

    # Handlers of the loop would not do: what comes after it has looked for the last time, they never tell.
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        result = asyncio.run(guarded())
    except asyncio.CancelledError as cancelled:
        if not session.ends:
            raise
        raise session.interrupted() from cancelled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if session.ends:  # it came when there was nothing to cancel any more, and is still meant
        raise session.interrupted()
    return result


def _end_at_once(number: int, list_jobs: str) -> NoReturn:
    """End without closing anything: the store is durable, and workers end with their parent."""
    cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
    os.write(2, f"{cursor}kyanite: ended at once; `{list_jobs}` shows what is kept\n".encode())
    os._exit(128 + number)
