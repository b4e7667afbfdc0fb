"""The one gate: every change of every job goes through here, as apply, commit, announce, in that order.

Callers say which job and what to record, as an event or as a decision from the job's current row. A committer takes
what has come in meanwhile, decides each against the newest row, stores all of it in one transaction, and tells the
listeners. A job has at most one change under way, so decisions about it never race. The effect of a record does not
hang on its caller: one that is cancelled while it waits leaves the change to happen, once, all the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from datetime import datetime
from typing import cast

import anyio
from msgspec.structs import replace

from kyanite.core.backoff import Backoff, delay_s
from kyanite.core.events import Event, Submitted
from kyanite.core.histogram import Histogram
from kyanite.core.job import JobDetails
from kyanite.core.lifecycle import apply
from kyanite.errors import Conflict, JobNotFound, KyaniteError, StorageFull, StoreUnavailable, WorkspaceClosed
from kyanite.logs import logger
from kyanite.ports import Clock, Entropy, JobStore, Write
from kyanite.runtime.records import Address, Change, Decide, Listener, Record
from kyanite.runtime.trace import TRACEPARENT

PATIENCE = Backoff(first_s=0.05, factor=2.0, most_s=2.0)
BATCH_MAX = 1_024
COMMITTERS = 2
COMMIT_BOUNDS_S = (0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
CONFLICTS_MAX = 5


class Journal:
    """Records events. `run` must be running for anything to be recorded."""

    def __init__(self, store: JobStore, clock: Clock, entropy: Entropy) -> None:
        """Stand before this store."""
        self.listeners: list[Listener] = []
        self.commits = Histogram(COMMIT_BOUNDS_S)
        """How long the store took for each that it answered."""
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._rows: dict[Address, JobDetails] = {}
        self._held: set[Address] = set()
        self._inbox: deque[Record] = deque()
        self._under_way: set[Address] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._ended = anyio.Event()

    # What others ask --------------------------------------------------------------------------------------------------

    def current(self, address: Address) -> JobDetails | None:
        """Return the newest row, if it is at hand; the store's is the newest if not."""
        return self._rows.get(address)

    def settled(self, address: Address) -> JobDetails | None:
        """Return the newest row, if it is at hand and no commit under way may have put a newer one into the store.

        Whoever has seen that newer one, in a list or in the log, must not be shown an older one after it.
        """
        return None if address in self._under_way else self._rows.get(address)

    def hold(self, details: JobDetails) -> None:
        """Keep a job's row at hand until `release`: it is queued in memory, or executing."""
        address = (details.workspace, details.id)
        self._held.add(address)
        self._rows.setdefault(address, details)

    def hold_unread(self, address: Address) -> None:
        """Keep a job's row at hand from its next record on: the caller's may be outdated."""
        self._held.add(address)

    def holds(self, address: Address) -> bool:
        """Tell whether a row is kept at hand."""
        return address in self._held

    def release(self, address: Address) -> None:
        """Let go of a row: from now on the store has it."""
        self._held.discard(address)
        self._rows.pop(address, None)

    def submit(self, details: JobDetails) -> Awaitable[JobDetails | None]:
        """Record the birth of a job. `None` if its id is taken, by a job that exists or by one that was purged.

        Raises `StorageFull` or `StoreUnavailable` when the store can not take it; the job then does not exist.
        """
        return self._enqueue((details.workspace, details.id), (Submitted(details=details),), birth=True)

    def record(self, address: Address, what: Event | Decide) -> Awaitable[JobDetails]:
        """Record an event, or what `decide` makes of the current row; await it for the row once that is durable.

        A final row absorbs events: it comes back unchanged. Raises `JobNotFound`, `InvalidTransition`.
        """
        # Only a submit is answered with None.
        return cast("Awaitable[JobDetails]", self._enqueue(address, (what,) if isinstance(what, Event) else what))

    def post(self, address: Address, what: Event | Decide) -> None:
        """Record without waiting, for callers that can not wait."""
        self._enqueue(address, (what,) if isinstance(what, Event) else what).add_done_callback(_report)

    def _enqueue(
        self, address: Address, proposal: tuple[Event, ...] | Decide, *, birth: bool = False
    ) -> asyncio.Future[JobDetails | None]:
        done: asyncio.Future[JobDetails | None] = self._loop.create_future()
        if self._closing:
            done.set_exception(WorkspaceClosed())
            return done
        self._inbox.append(Record(address, proposal, done, birth, TRACEPARENT.get()))
        if self._idle:
            self._wake()
        return done

    async def _load(self, address: Address) -> None:
        details = await self._store.get(*address)
        if details is None:
            raise JobNotFound(address[1])
        self._rows.setdefault(address, details)

    # The committer ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Commit what comes in until `close`, then what is left, and return; no cancellation interrupts that.

        Several committers take turns, so that the store always has the next batch at hand while the one before is on
        its way back.
        """
        try:
            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as committers:
                    for _ in range(COMMITTERS):
                        committers.start_soon(self._work)
        finally:
            # Nothing is left in good order; after a failure, nobody must wait for what will not be recorded.
            self._closing = True
            for record in self._inbox:
                record.fail(WorkspaceClosed("the journal has ended"))
            self._ended.set()

    async def _work(self) -> None:
        while True:
            batch, unknown = self._gather()
            if batch:
                await self._commit(batch)
            if unknown:
                async with anyio.create_task_group() as fetches:
                    for request in unknown:
                        fetches.start_soon(self._fetch, request)
            if batch or unknown:
                continue
            if self._closing and not self._inbox:
                self._wake()  # the other committers may wait for what this one has just finished
                return
            idle = self._loop.create_future()
            self._idle.append(idle)
            await idle

    async def close(self) -> None:
        """Take nothing new, and return when everything before is stored."""
        self._closing = True
        self._wake()
        await self._ended.wait()

    def _wake(self) -> None:
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(None)

    def _gather(self) -> tuple[list[Record], list[Record]]:
        """Decide what has come in, at most one change a job; return what is to be written, and what needs its row."""
        batch: list[Record] = []
        later: list[Record] = []
        unknown: list[Record] = []
        now = self._clock.now()
        while self._inbox and len(batch) < BATCH_MAX:
            request = self._inbox.popleft()
            if request.address in self._under_way:
                later.append(request)
            elif not request.birth and request.address not in self._rows:
                unknown.append(request)
            elif self._decide(request, now):
                self._under_way.add(request.address)
                batch.append(request)
        self._inbox.extendleft(reversed(later))
        return batch, unknown

    def _decide(self, request: Record, now: datetime) -> bool:
        """Work out what the request changes; tell whether there is anything to write. Answers it if not."""
        row = self._rows.get(request.address)
        if request.birth and row is not None:
            request.resolve(None)
            return False
        try:
            after, events = self._stamp(row, request, now)
        except Exception as error:  # noqa: BLE001  # whatever a decision raises is its caller's to see
            request.fail(error)
        else:
            if events:
                request.before = row
                request.write = Write(after, row.version if row is not None else 0, tuple(events))
                return True
            request.resolve(row)
        self._forget(request.address)
        return False

    def _stamp(self, row: JobDetails | None, request: Record, now: datetime) -> tuple[JobDetails, list[Event]]:
        """Address each proposed event, and apply it; those that a final row absorbs are left out."""
        proposal, stamped = request.proposal, []
        for proposed in proposal if isinstance(proposal, tuple) else proposal(cast("JobDetails", row)):
            before = row
            event = replace(
                proposed,
                workspace=request.address[0],
                job_id=request.address[1],
                version=1 if row is None else row.version + 1,
                time=now if row is None else max(now, row.updated_time or now),
                event_id=self._entropy.event_id(),
                traceparent=request.traceparent or (row and row.traceparent),
            )
            row = apply(before, event)
            if row is not before:
                stamped.append(event)
        return cast("JobDetails", row), stamped

    async def _commit(self, batch: list[Record]) -> None:
        failures = 0
        while batch:
            try:
                began_s = self._clock.monotonic()
                positions = await self._store.commit([request.write for request in batch])
                self.commits.observe(self._clock.monotonic() - began_s)
            except (StorageFull, StoreUnavailable) as error:
                failures += 1
                logger().warning("commit failed", error=str(error), writes=len(batch), failures=failures)
                batch = await self._after_failure(batch, error, failures)
            except Exception as error:
                for request in batch:
                    request.fail(error)
                raise
            else:
                for request, position in zip(batch, positions, strict=True):
                    if position is None:
                        await self._refused(request)
                    else:
                        self._settle(request, position)
                return

    def _settle(self, request: Record, position: int) -> None:
        after, events = request.write.details, request.write.events
        self._rows[request.address] = after
        change = Change(request.before, after, events, position + len(events) - 1)
        for listener in self.listeners:
            listener(change)
        request.resolve(after)
        self._under_way.discard(request.address)
        self._forget(request.address)

    async def _refused(self, request: Record) -> None:
        """The stored row is another one: fetch it and decide again, or say that the id is taken."""
        self._under_way.discard(request.address)
        request.conflicts += 1
        if request.birth:
            # A row that is at hand by now has been read from the store meanwhile: whoever holds it goes on with it.
            request.resolve(None)
            return
        self._rows.pop(request.address, None)
        if request.conflicts > CONFLICTS_MAX:
            request.fail(Conflict(f"job {request.address[1]} keeps changing under its owner"))
        else:
            await self._fetch(request)

    async def _fetch(self, request: Record) -> None:
        failures = 0
        while True:
            try:
                await self._load(request.address)
            except StoreUnavailable as error:
                if self._closing:
                    request.fail(error)
                    return
                failures += 1
                await self._pause(failures)
            except KyaniteError as error:
                request.fail(error)
                return
            else:
                self._inbox.append(request)
                return

    async def _after_failure(self, batch: list[Record], error: KyaniteError, failures: int) -> list[Record]:
        """Wait, find out what was stored after all, and return what is to be tried again.

        A submit that was not stored fails, so that its caller knows; a change of a job that exists is never given up
        while the workspace is open.
        """
        known = isinstance(error, StorageFull)
        positions: dict[Record, int | None] = {}
        while not known:
            await self._pause(failures)
            try:
                for request in batch:
                    if request not in positions:  # what was found out before the store failed again stays true
                        positions[request] = await self._position(request)
            except StoreUnavailable:
                failures += 1
                if self._closing:
                    break
                continue
            for request, position in positions.items():
                if position is not None:
                    self._settle(request, position)
            batch = [request for request in batch if positions[request] is None]
            known = True
        hopeless = [request for request in batch if request.birth or self._closing]
        for request in hopeless:
            self._under_way.discard(request.address)
            request.fail(error)
        if known and isinstance(error, StorageFull) and len(hopeless) < len(batch):
            await self._pause(failures)
        return [request for request in batch if request not in hopeless]

    async def _pause(self, failures: int) -> None:
        await anyio.sleep(delay_s(failures, PATIENCE, self._entropy.random()))

    async def _position(self, request: Record) -> int | None:
        """Return where the request's first event stands in the log, or `None` if it is not there."""
        first = request.write.events[0]
        for stored in await self._store.events(first.version - 1, 1, request.address):
            if stored.event_id == first.event_id:
                return stored.position
        return None

    def _forget(self, address: Address) -> None:
        if address not in self._held:
            self._rows.pop(address, None)


def _report(done: asyncio.Future[JobDetails | None]) -> None:
    """Log why something that nobody waited for was not recorded."""
    if not done.cancelled() and (error := done.exception()) is not None:
        logger().warning("not recorded", error=str(error))
