"""What must hold after every committed event, checked at that moment against an account kept beside the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from kyanite.blobs.keys import key_of
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import FINAL_EVENTS, Amended, Event, Succeeded
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import InvalidTransition, apply, fold
from kyanite.errors import KyaniteError
from kyanite.ports import Write
from kyanite.stores.memory import MemoryStore
from kyanite.testing.simulation.life import now

Address = tuple[str, str]


class Violation(AssertionError):
    """Something that must always hold does not."""


class Witness:
    """Sees every commit. `rows` holds each job's newest row, `history` every row that ever was, by version."""

    def __init__(self, blobs: MemoryBlobs, fail: Callable[[str], None]) -> None:
        """Tell `fail` of each violation."""
        self.rows: dict[Address, JobDetails] = {}
        self.history: dict[Address, list[JobDetails]] = {}
        self.finals: dict[Address, Event] = {}
        self.gone: set[Address] = set()
        self.position = 0
        self._blobs = blobs
        self._fail = fail

    # The log --------------------------------------------------------------------------------------------------------

    def committed(self, writes: Sequence[Write], positions: Sequence[int | None]) -> None:
        """Check what one transaction has changed."""
        for write, position in zip(writes, positions, strict=True):
            if position is not None:
                self._accepted(write, position)

    def _accepted(self, write: Write, position: int) -> None:
        address = (write.details.workspace, write.details.id)
        row = self.rows.get(address)
        if write.expected_version != (row.version if row else 0) or address in self.gone:
            stands = "is gone" if address in self.gone else f"stands at {row.version if row else 0}"
            self._fail(f"{address[1]}: a write made for version {write.expected_version} was stored, but it {stands}")
        if position != self.position + 1:
            self._fail(f"position {position} follows {self.position}")
        self.position = position + len(write.events) - 1
        for event in write.events:
            row = self._follow(address, row, event)
        if row != write.details:
            self._fail(f"{address[1]}: the row is not what its events make of it:\n  {write.details}\n  {row}")
        self.rows[address] = write.details

    def _follow(self, address: Address, before: JobDetails | None, event: Event) -> JobDetails | None:
        """Check one event against the row before it; return the row after it."""
        name = f"{address[1]}: {type(event).__name__}"
        if event.version != (before.version if before else 0) + 1:
            self._fail(f"{name} has version {event.version} after {before.version if before else 0}")
        if before is not None and before.updated_time is not None and event.time < before.updated_time:
            self._fail(f"{name} is earlier than the event before it")
        if address in self.finals and not isinstance(event, Amended):
            self._fail(f"{name} after {type(self.finals[address]).__name__}")
        try:
            after = apply(before, event)
        except InvalidTransition as error:
            self._fail(f"{name}: {error}")
            return before
        if isinstance(event, FINAL_EVENTS):
            self.finals[address] = event
        if isinstance(event, Succeeded):
            self._check_output(name, event)
        self.history.setdefault(address, []).append(after)
        return after

    def _check_output(self, name: str, event: Succeeded) -> None:
        try:
            content = now(self._blobs.get(key_of(event.output_data_uri)))
        except KyaniteError as error:
            self._fail(f"{name}, but the output can not be read: {error}")
            return
        if (len(content), hashlib.sha256(content).hexdigest()) != (event.output_size, event.output_hash):
            self._fail(f"{name}, but the output is not what the event says")

    def purged(self, rows: Sequence[JobDetails]) -> None:
        """Check that only ended jobs were removed."""
        for row in rows:
            address = (row.workspace, row.id)
            if self.rows.pop(address, None) != row or not row.final:
                self._fail(f"{row.id} was removed, which had not ended or was not as stored")
            self.gone.add(address)

    # What others are told -------------------------------------------------------------------------------------------

    def shown(self, row: JobDetails, to: str) -> None:
        """Check that a row that somebody outside was shown is one that was stored."""
        history = self.history.get((row.workspace, row.id), [])
        if not 0 < row.version <= len(history):
            self._fail(f"{to} was shown version {row.version} of {row.id}, of which {len(history)} are stored")
        elif history[row.version - 1] != row:
            self._fail(f"{to} was shown a row of {row.id} that was never stored:\n  {row}")

    def stored(self, store: MemoryStore) -> None:
        """Check the whole store, at the end."""
        log = now(store.events(0, self.position + 1))
        if [event.position for event in log] != list(range(1, self.position + 1)):
            self._fail("the log's positions have gaps")
        for address, row in self.rows.items():
            story = now(store.events(0, len(log), address))
            if now(store.get(*address)) != row or fold(story) != row:
                self._fail(f"{address[1]}: row, log and account differ at the end")
            if sum(isinstance(event, FINAL_EVENTS) for event in story) != row.final:
                self._fail(f"{address[1]}: not exactly one final event in {story}")
