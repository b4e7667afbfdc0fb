"""What goes into the journal, and what comes out: proposals of change, and changes that were committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.ports import Write

Address: TypeAlias = tuple[str, str]
"""A job's workspace and id."""

STORY_MAX = 1_000_000
"""More events than a job has."""

Decide: TypeAlias = Callable[[JobDetails], Iterable[Event]]
"""From the row as it stands to the events to record; none, to leave it. Pure; may raise what the caller shall see."""


class Change(NamedTuple):
    """A committed change: the row before (`None`: it was born), the row after, its events, the last one's position."""

    before: JobDetails | None
    after: JobDetails
    events: tuple[Event, ...]
    position: int


Listener: TypeAlias = Callable[[Change], None]
"""Told of each committed change, at once and in order. Must not fail or wait."""


class Record:
    """One record under way: what is proposed, and, once it was decided, the row before and what to write."""

    __slots__ = ("address", "before", "birth", "conflicts", "done", "proposal", "traceparent", "write")

    write: Write

    def __init__(
        self,
        address: Address,
        proposal: tuple[Event, ...] | Decide,
        done: asyncio.Future[JobDetails | None],
        birth: bool,  # noqa: FBT001  # made in one place, millions of times
        traceparent: str | None = None,
    ) -> None:
        """Propose events, or a decision, for a job, as part of a trace; `birth`: it must not exist yet."""
        self.address = address
        self.proposal = proposal
        self.done = done
        self.birth = birth
        self.traceparent = traceparent
        self.conflicts = 0
        self.before: JobDetails | None = None

    def resolve(self, result: JobDetails | None) -> None:
        """Answer whoever waits, if anybody still does."""
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self.done.done():
            self.done.set_exception(error)
