"""What deliveries stand on: a log to read, and where cursors, letters and rows are; of this process or of a daemon."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Letter
from kyanite.ports import Cursor
from kyanite.runtime.ledger import Keeper
from kyanite.runtime.records import Address


class Readable(Protocol):
    """A log to read, such as a `Bus`."""

    @property
    def position(self) -> int:
        """The newest position known."""

    def follow(self, after: int) -> AsyncGenerator[Event]:
        """Yield the events past a position until there will be no more. Raises `StoreUnavailable`."""

    def row(self, address: Address) -> JobDetails | None:
        """Return a job's newest row, if it is at hand."""


class Shelf(Keeper, Protocol):
    """Where cursors, letters and rows are, such as a `JobStore`. Everything raises `StoreUnavailable`."""

    async def cursors(self) -> dict[str, Cursor]:
        """Return what cursors there are."""

    async def letters(self, subscriber: str, *, after: int = 0) -> list[Letter]:
        """Return a subscriber's next letters past a position, by position; none if there are no more."""

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        """Return a job's row, or `None`."""

    async def events(self, after: int, limit: int, job: Address) -> Sequence[Event]:
        """Return the events of a job with `version > after`."""
