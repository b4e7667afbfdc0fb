"""A log whose commits and announcements a test makes one by one, with a feed over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Progressed, Submitted, Succeeded
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import apply
from kyanite.ports import Write
from kyanite.runtime.bus import Bus
from kyanite.runtime.feed import Feed
from kyanite.runtime.records import Change
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeEntropy

START = datetime(2026, 1, 1, tzinfo=UTC)


class Announcer:
    """As much of a journal as a feed needs."""

    def __init__(self):
        self.listeners = []
        self.rows = {}

    def current(self, address):
        return self.rows.get(address)

    def settled(self, address):
        return self.rows.get(address)


class LiveLog:
    """Commits changes of jobs to a store in memory, and announces them when it is told to."""

    def __init__(self, store=None, **options):
        self.store = store or MemoryStore()
        self.bus = Bus(self.store)
        self.journal = Announcer()
        self.journal.listeners.append(self.bus.announce)
        self.feed = Feed(self.journal, self.bus, self.store, FakeEntropy(), **options)
        self.committed = []
        """Every event, with its position and the row after its change."""
        self._rows = {}

    def row(self, workspace, job_id):
        return self._rows.get((workspace, job_id))

    async def commit(self, workspace, job_id, *events):
        """Record events of one job in one change, which nobody is told of yet."""
        before = after = self._rows.get((workspace, job_id))
        stamped = []
        for event in events:
            version = 1 if after is None else after.version + 1
            stamped.append(
                replace(
                    event,
                    workspace=workspace,
                    job_id=job_id,
                    version=version,
                    time=START + timedelta(seconds=len(self.committed)),
                    event_id=f"{workspace}/{job_id}/{version}",
                )
            )
            after = apply(after, stamped[-1])
        (first,) = await self.store.commit([Write(after, before.version if before else 0, tuple(stamped))])
        self._rows[workspace, job_id] = after
        for position, event in enumerate(stamped, first):
            self.committed.append((replace(event, position=position), after))
        return Change(before, after, tuple(stamped), first + len(stamped) - 1)

    def announce(self, change):
        """Tell the listeners, as the journal does."""
        for listener in tuple(self.journal.listeners):
            listener(change)

    async def record(self, workspace, job_id, *events):
        """Commit and announce."""
        change = await self.commit(workspace, job_id, *events)
        self.announce(change)
        return change


def born(workspace, job_id, target="acme.echo", tags=(), **fields):
    """The first event of a job."""
    details = JobDetails(
        id=job_id,
        name=job_id,
        provider_id="acme",
        target=target,
        container_uri=f"kyanite:///{workspace}/job-{job_id}",
        input_data_uri=f"kyanite:///{workspace}/job-{job_id}/inputData",
        creation_time=START,
        workspace=workspace,
        tags=tuple(tags),
        **fields,
    )
    return Submitted(details=details)


def began(attempt=1):
    return Began(attempt=attempt)


def renamed(name="other"):
    return Amended(name=name)


def succeeded():
    return Succeeded(output_data_uri="kyanite:///out", output_hash="0" * 64, output_size=1)


def progress(workspace, job_id, fraction):
    return Progressed(workspace=workspace, job_id=job_id, time=START, fraction=fraction)
