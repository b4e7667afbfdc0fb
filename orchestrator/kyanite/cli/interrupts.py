"""Ctrl-C and SIGTERM: the first ends what runs in good order, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from kyanite.cli.exits import Exit, Stop
from kyanite.cli.session import Session

T = TypeVar("T")

SIGNALS = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
SHOW_CURSOR = "\x1b[?25h"


def run(action: Callable[[], Coroutine[Any, Any, T]], session: Session) -> T:
    """Run a coroutine to its end. A signal cancels it; then `Stop` is raised, with what the session says is left.

    So it is for one that comes while the loop closes behind the coroutine.
    """
    received: list[signal.Signals] = []

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs is in a task

        def interrupt(number: signal.Signals) -> None:
            if received:
                _end_at_once(number, session.again("job", "list"))
            received.append(number)
            task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, interrupt, number)
        return await action()

    try:
        result = asyncio.run(guarded())
        if not received:  # it may come when there is nothing to cancel any more, and is still meant
            return result
    except asyncio.CancelledError:
        if not received:
            raise
    raise Stop(f"interrupted; {session.left()}", SIGNALS[received[0]])


def _end_at_once(number: signal.Signals, list_jobs: str) -> NoReturn:
    """End without closing anything: the store is durable, and workers end with their parent."""
    cursor = SHOW_CURSOR if sys.stderr.isatty() else ""
    os.write(2, f"{cursor}kyanite: ended at once; `{list_jobs}` shows what is kept\n".encode())
    os._exit(SIGNALS[number])
