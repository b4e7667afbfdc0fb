"""What a subscriber has not taken yet, and what came of offering it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Letter(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """An event that a subscriber did not take when it was offered: to be offered again, or a dead letter.

    What was taken at once never becomes one: there, the subscriber's cursor says enough.
    """

    subscriber: str
    """The name of its cursor: `workspace/name`."""
    position: int
    workspace: str
    job_id: str
    version: int
    attempts: int
    """How often it was offered."""
    first_time: datetime
    """When it was offered first."""
    due_time: datetime | None = None
    """When it is offered again; `None` for a dead letter, which only a replay offers again."""
    error: str = ""
    """What hindered it the last time."""

    @property
    def dead(self) -> bool:
        """Whether it was given up."""
        return self.due_time is None


class Attempt(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """One time that an event was offered to a subscriber, as the log of its deliveries keeps it."""

    subscriber: str
    position: int
    workspace: str
    job_id: str
    version: int
    number: int
    """Counts from 1; a replay begins anew."""
    time: datetime
    latency_s: float
    taken: bool
    status: int | None = None
    """Of HTTP, or the exit status of a command; `None` where there was none."""
    error: str = ""
    excerpt: str = ""
    """How the answer or the output begins."""


class Standing(Struct, frozen=True, kw_only=True):
    """How a named subscriber stands."""

    name: str
    position: int
    """Up to here, it has taken everything but its letters."""
    behind: int
    """How many positions that is before the newest event of the store."""
    waiting: int = 0
    """Letters that will be offered again."""
    dead: int = 0
    """Letters that only a replay offers again."""
    running: bool = False
    """Whether the process that has the store open delivers to it."""
    seen_time: datetime
    """When its position was stored the last time."""
