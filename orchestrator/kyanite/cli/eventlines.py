"""Events as `kyanite events` prints them: a line each, for people or as JSON, and what came together at once."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import click

from kyanite.cli.output import write
from kyanite.cli.screen import cells, coloured, cut, plain, width
from kyanite.cli.views import COLOURS
from kyanite.core.story import clock_time, happening

if TYPE_CHECKING:
    from kyanite.cli.feed import Label
    from kyanite.core.events import Event

NAME_CELLS_MAX = 24
POSITION_CELLS = 8
TIME_CELLS = 24
EVENT_COLOURS = {**COLOURS, "Began": COLOURS["Executing"]}


def print_json(events: Sequence[Event]) -> None:
    """Print the JSON texts that the log keeps, each on a line."""
    from kyanite.core.events import encode_event

    write("".join(f"{encode_event(event).decode()}\n" for event in events), end="")
    sys.stdout.flush()


class EventTable:
    """A table without an end: its columns widen as longer texts come, so that no id is ever cut."""

    def __init__(self, label: Callable[[Event], Awaitable[Label]]) -> None:
        """Print no heading yet; `label` says what the job of an event is called."""
        self._label = label
        self._job_cells = self._name_cells = 0

    async def print(self, events: Sequence[Event]) -> None:
        """Print a line each."""
        names = [plain((await self._label(event)).name) for event in events]
        heads = not self._job_cells
        self._widen([event.job_id for event in events], [cut(name, NAME_CELLS_MAX) for name in names])
        if heads:
            write(self._line("POSITION", "TIME", "JOB", "NAME") + "EVENT")
        room, paints = width(sys.stdout), coloured(sys.stdout)
        lines = [self._shown(event, name, room, paints=paints) for event, name in zip(events, names, strict=True)]
        write("\n".join(lines))
        sys.stdout.flush()

    def _widen(self, job_ids: Sequence[str], names: Sequence[str]) -> None:
        self._job_cells = max(self._job_cells, len("JOB"), *map(cells, job_ids))
        self._name_cells = max(self._name_cells, len("NAME"), *map(cells, names))

    def _shown(self, event: Event, name: str, room: int | None, *, paints: bool) -> str:
        before = self._line(str(event.position), clock_time(event.time), event.job_id, name)
        told = plain(happening(event))
        if room is not None:
            told = cut(told, max(room - cells(before), len(type(event).__name__)))
        colour = EVENT_COLOURS.get(type(event).__name__) if paints else None
        return before + (click.style(told, fg=colour) if colour else told)

    def _line(self, position: str, time: str, job_id: str, name: str) -> str:
        fitting = cut(name, self._name_cells)
        job = job_id + " " * (self._job_cells - cells(job_id))
        return f"{position:>{POSITION_CELLS}}  {time:{TIME_CELLS}}  {job}  {fitting}{self._padding(fitting)}  "

    def _padding(self, name: str) -> str:
        return " " * (self._name_cells - cells(name))
