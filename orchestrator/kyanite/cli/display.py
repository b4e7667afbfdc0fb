"""The live display of jobs that are being waited for: one line a job, on stderr, if that is a terminal.

The lines of jobs that go on are drawn again as they change; the line of one that has ended stays above them. Nothing is
ever written to stdout.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from kyanite.cli.picture import PLAIN, Letters, Line, Moment, ending, picture
from kyanite.cli.progress import JobProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from kyanite import Job

FRAME_S = 0.1
"""No more than ten pictures a second; and a job that ends sooner needs none."""
TICK_S = 0.5
"""Clocks go on also while nothing happens."""


async def follow(jobs: Sequence[Job], *, quiet: bool = False, timeout_s: float | None = None) -> None:
    """Return when every job has ended, and show meanwhile how far they are, unless `quiet` or without a terminal.

    Raises `TimeoutError`.
    """
    import anyio

    with anyio.fail_after(timeout_s):
        if quiet or not draws_on(sys.stderr):
            for job in jobs:
                await job.wait()
        else:
            await _show([job for job in jobs if not job.details.final])


def draws_on(stream: TextIO) -> bool:
    """Tell whether the stream is a terminal on which a line can be drawn again."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


async def _show(jobs: Sequence[Job]) -> None:
    import anyio
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        board = _Board(jobs, console)
        try:
            async with anyio.create_task_group() as drawing:
                drawing.start_soon(board.draw, live)
                async with anyio.create_task_group() as watching:
                    for job in jobs:
                        watching.start_soon(board.watch, job)
                drawing.cancel_scope.cancel()
        except ExceptionGroup as errors:
            raise _first(errors) from errors


class _Board:
    """The jobs that go on, and the console they are drawn on."""

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        import anyio

        self._going = {job.id: _progress(job) for job in jobs}
        self._ended = 0
        self._console = console
        self._letters = PLAIN if console.options.ascii_only else Letters()
        self._changed = anyio.Event()

    async def watch(self, job: Job) -> None:
        """Keep up with a job until it has ended, and leave its line behind."""
        from kyanite.core.events import Progressed

        progress = self._going[job.id]
        async for update in job.updates():
            if isinstance(update, Progressed):
                progress.see(update, time.monotonic())
            else:
                progress.hear(update)
            self._changed.set()
        job.details = progress.details
        del self._going[job.id]
        self._ended += 1
        self._console.print(_text(ending(progress, _now(), self._console.width, self._letters)))

    async def draw(self, live: Live) -> None:
        """Draw what goes on whenever it has changed."""
        import anyio

        while True:
            await anyio.sleep(FRAME_S)
            with anyio.move_on_after(TICK_S - FRAME_S):
                await self._changed.wait()
            self._changed = anyio.Event()
            size = (self._console.width, self._console.height)
            lines = picture(list(self._going.values()), self._ended, _now(), size, self._letters)
            live.update(_joined(lines), refresh=True)


def _progress(job: Job) -> JobProgress:
    return JobProgress(job.details, target_missing=job.target_missing, inspects=job.inspects)


def _now() -> Moment:
    return Moment(datetime.now(UTC), time.monotonic())


def _text(line: Line) -> Text:
    from rich.text import Text

    return Text.assemble(*line, no_wrap=True, overflow="crop", end="")


def _joined(lines: Sequence[Line]) -> Text:
    from rich.text import Text

    return Text("\n", no_wrap=True, overflow="crop").join(_text(line) for line in lines)


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
