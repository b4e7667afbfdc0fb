"""How many jobs stand where, and how long they waited and ran: kept by listening to the journal, never by looking.

It begins with what the store holds of a workspace when that is taken in, before anything about it is recorded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from kyanite.core.histogram import Histogram
from kyanite.core.job import FINAL, Status
from kyanite.ports import JobQuery, JobStore
from kyanite.runtime.records import Change

Place: TypeAlias = tuple[str, str]
"""A workspace and a target."""

BOUNDS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)
_WAITING, _EXECUTING = Status.WAITING, Status.EXECUTING


class Durations(NamedTuple):
    """How long the jobs of one target took since the start, those of all workspaces."""

    wait: Histogram
    """From the submit to the first execution."""
    run: Histogram
    """From the first execution to the end, pauses between attempts included."""


class Standing:
    """The jobs of one target in one workspace: how many wait and execute, and what has happened since the start."""

    __slots__ = ("durations", "ended", "executing", "interruptions", "retries", "submitted", "waiting")

    def __init__(self, durations: Durations) -> None:
        """Begin with none; durations are counted there."""
        self.waiting = 0
        self.executing = 0
        self.submitted = 0
        self.retries = 0
        self.interruptions = 0
        self.ended = dict.fromkeys((status for status in Status if status in FINAL), 0)
        self.durations = durations


class Census:
    """The standing of every target in every workspace that is served, brought up to date by `recorded`."""

    def __init__(self) -> None:
        """Know of nothing yet."""
        self.waiting = 0
        """Jobs that wait, in memory and in the store, of all workspaces."""
        self.durations: dict[str, Durations] = {}
        """By target."""
        self._standings: dict[Place, Standing] = {}

    async def take_in(self, store: JobStore, workspace: str) -> None:
        """Count what a workspace has in the store. Raises `StoreUnavailable`."""
        waiting = await store.count(JobQuery(workspace=workspace, status=(Status.WAITING,)), "target")
        executing = await store.count(JobQuery(workspace=workspace, status=(Status.EXECUTING,)), "target")
        for target, count in waiting.items():
            self._standing((workspace, target)).waiting += count
            self.waiting += count
        for target, count in executing.items():
            self._standing((workspace, target)).executing += count

    def __iter__(self) -> Iterator[tuple[Place, Standing]]:
        """Yield each place with its standing, in order."""
        return iter(sorted(self._standings.items(), key=lambda item: item[0]))

    def unended(self, workspace: str) -> int:
        """Count the jobs of a workspace that have not ended."""
        standings = (standing for place, standing in self._standings.items() if place[0] == workspace)
        return sum(standing.waiting + standing.executing for standing in standings)

    def recorded(self, change: Change) -> None:
        """Take note of a committed change; the journal's listener."""
        before, after, _, _ = change
        place = (after.workspace, after.target)
        standing = self._standings.get(place) or self._standing(place)
        if before is None:
            standing.submitted += 1
            standing.waiting += 1
            self.waiting += 1
            return
        was, now = before.status, after.status
        if was is now:
            standing.retries += after.failures - before.failures
            standing.interruptions += after.interruptions - before.interruptions
            return
        began = after.begin_execution_time
        if was is _WAITING:
            standing.waiting -= 1
            self.waiting -= 1
            if began is not None:
                standing.durations.wait.observe((began - after.creation_time).total_seconds())
        else:
            standing.executing -= 1
        if now is _EXECUTING:
            standing.executing += 1
            return
        standing.ended[now] += 1
        if began is not None and after.end_execution_time is not None:
            standing.durations.run.observe((after.end_execution_time - began).total_seconds())

    def _standing(self, place: Place) -> Standing:
        standing = self._standings.get(place)
        if standing is None:
            if place[1] not in self.durations:
                self.durations[place[1]] = Durations(Histogram(BOUNDS_S), Histogram(BOUNDS_S))
            standing = self._standings[place] = Standing(self.durations[place[1]])
        return standing
