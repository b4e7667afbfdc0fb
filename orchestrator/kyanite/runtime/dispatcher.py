"""Moves jobs from the queues to their providers: listens to the journal, decides with `assign`, drives with `run_job`.

Everything it knows it learns from committed events. Executions run in slots, long-lived coroutines that take one job
after another: starting a task for each job would cost more than all the rest of a short one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass

import anyio
import anyio.abc

from kyanite.core.events import (
    Amended,
    Cancelled,
    CancelRequested,
    Event,
    Failed,
    Inspected,
    Resumed,
    RetryScheduled,
    Submitted,
)
from kyanite.core.job import JobDetails, Needs, Status, Target
from kyanite.core.queueing import Assignment, Pool, Slots, Turn, assign
from kyanite.errors import InvalidRequest, JobNotFound
from kyanite.ports import JobQuery, JobStore, Provider
from kyanite.runtime.execution import Execution, Surroundings, patiently
from kyanite.runtime.lane import Lane
from kyanite.runtime.records import Address, Change
from kyanite.runtime.recovery import elsewhere, resume, unfinished
from kyanite.runtime.runner import beyond, inspect_job, run_job
from kyanite.runtime.trace import TRACEPARENT

INSPECTIONS_MAX = 4


@dataclass(frozen=True)
class Capacity:
    """What the machine gives to jobs altogether, and how many waiting jobs of one target are kept in memory."""

    needs: Needs
    queue_window: int = 10_000


class Dispatcher:
    """Drives the jobs of one store. `tasks` is the group its slots run in; cancelling that lets go of every job."""

    def __init__(self, around: Surroundings, store: JobStore, capacity: Capacity, tasks: anyio.abc.TaskGroup) -> None:
        """Stand ready; targets are attached one by one."""
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.driven: dict[Address, Execution] = {}
        self._stirred: dict[Lane, None] = {}
        """The lanes that a decision may concern, of many: those with jobs that are ready, and those where one left."""
        self._around = around
        self._store = store
        self._capacity = capacity
        self._whole = Pool(capacity.needs.cores, capacity.needs.memory_bytes, capacity.needs.gpus)
        self._free = Pool(capacity.needs.cores, capacity.needs.memory_bytes, capacity.needs.gpus)
        self._slots: dict[str, Slots] = {}
        self._turn = Turn()
        self._tasks = tasks
        self._idle: list[asyncio.Future[Assignment]] = []
        self._timers: dict[Address, asyncio.TimerHandle] = {}
        self._inspections = 0
        self._decision_due = False
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._context.run(TRACEPARENT.set, None)
        self._reactions: dict[type[Event], Callable[[Lane, JobDetails], None]] = {
            Submitted: self._submitted,
            Inspected: self._inspected,
            Amended: self._amended,
            CancelRequested: self._cancel_requested,
            RetryScheduled: self._queue_again,
            Resumed: self._queue_again,
        }
        """What each event means here; the others change nothing about where a job is."""
        self._stopped = False
        self._nothing_driven: asyncio.Future[None] | None = None

    # Taking up and letting go -----------------------------------------------------------------------------------------

    def attach(self, workspace: str, target: Target, provider: Provider) -> None:
        """Serve a target from now on: what was interrupted first, then what waits. Raises `InvalidRequest`."""
        if (workspace, target.id) in self.lanes:
            raise InvalidRequest("target", f"{target.id!r} is registered already")
        slots = self._slots.setdefault(target.id, Slots(target.slots))
        lane = Lane(workspace, target, provider, self._capacity.queue_window, slots)
        self.lanes[workspace, target.id] = lane
        self._tasks.start_soon(self._take_up, lane)

    async def _take_up(self, lane: Lane) -> None:
        TRACEPARENT.set(None)  # whoever attached the target has nothing to do with what was interrupted
        # Found whole before the first is resumed: afterwards the store also shows what this process executes.
        interrupted = await patiently(
            self._around.entropy, unfinished, self._store, lane.queue.workspace, lane.target.id
        )
        for details in interrupted:
            address = (details.workspace, details.id)
            self._around.journal.hold_unread(address)
            try:
                row = await resume(self._around, lane.target, details)
            except JobNotFound:
                self._around.journal.release(address)  # cancelled and deleted since it was found
                continue
            if row.final:
                self._around.journal.release(address)
            elif row.interruptions == details.interruptions:
                self._queue_again(lane, row)  # no `Resumed` was recorded, so nothing else queues it
        await self._refill(lane)

    async def stop(self, grace_s: float) -> bool:
        """Start nothing more; wait at most `grace_s` for what executes, and tell whether nothing does any more."""
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        if self.driven:
            if self._nothing_driven is None or self._nothing_driven.done():
                self._nothing_driven = self._loop.create_future()
            with anyio.move_on_after(grace_s):
                await asyncio.shield(self._nothing_driven)  # a second call may wait for the same
        return not self.driven

    # Listening to the journal -----------------------------------------------------------------------------------------

    def recorded(self, change: Change) -> None:
        """React to a committed change; the journal's listener."""
        before, after = change.before, change.after
        lane = self.lanes.get((after.workspace, after.target))
        if lane is None:
            return
        if lane.refilling:
            lane.changed[after.id] = after
        if after.final:
            if before is not None and not before.final:
                self._ended(lane, after)
            return
        for event in change.events:
            reaction = self._reactions.get(type(event))
            if reaction is not None:
                reaction(lane, after)

    def _submitted(self, lane: Lane, row: JobDetails) -> None:
        if lane.belongs_in_window(row):
            self._admit(lane, row)
        elif lane.refilling:
            lane.arrivals.append(row)

    def _inspected(self, lane: Lane, row: JobDetails) -> None:
        if row.id in lane.inspecting:
            lane.admit(row)
            self._decide_soon(lane)

    def _amended(self, lane: Lane, row: JobDetails) -> None:
        """A new priority may move a waiting job within the window, or into it."""
        if row.status is not Status.WAITING:
            return
        if row.id in lane.queue:
            lane.queue.remove(row.id)
            lane.admit(row)
            self._stirred[lane] = None
        elif row.id not in lane.inspecting and (row.workspace, row.id) not in self.driven:
            self._submitted(lane, row)

    def _cancel_requested(self, lane: Lane, row: JobDetails) -> None:
        execution = self.driven.get((row.workspace, row.id))
        if execution is not None:
            execution.cancel_was_requested()
            if not elsewhere(row, lane.target):
                execution.end_after(self._around.limits.cancel_grace_s, Cancelled())

    def _queue_again(self, lane: Lane, row: JobDetails) -> None:
        """Queue a job for another execution, at once or when its pause is over."""
        pause_s = 0.0
        if row.not_before is not None:
            pause_s = (row.not_before - self._around.clock.now()).total_seconds()
            # A wall clock that was set back must not keep a job for longer than any pause can be.
            pause_s = min(max(pause_s, 0.0), self._around.limits.retry.most_s)
        address = (row.workspace, row.id)
        self._timers[address] = self._loop.call_later(pause_s, self._pause_over, lane, address)

    def _pause_over(self, lane: Lane, address: Address) -> None:
        self._timers.pop(address, None)
        row = self._around.journal.current(address)
        if row is not None and not row.final:
            lane.queue.push(lane.ready(row))
            self._decide_soon(lane)

    def _ended(self, lane: Lane, row: JobDetails) -> None:
        address = (row.workspace, row.id)
        lane.remove(row.id)
        self._stirred[lane] = None
        timer = self._timers.pop(address, None)
        if timer is not None:
            timer.cancel()
        self._around.journal.release(address)

    # The window -------------------------------------------------------------------------------------------------------

    def _admit(self, lane: Lane, row: JobDetails) -> None:
        journal = self._around.journal
        if journal.holds((row.workspace, row.id)):
            return  # taken in already: a refill may read a job from the store before its commit is announced
        journal.hold(row)
        needs = lane.needs_of(row)
        if not self._whole.fits(needs):
            journal.post((row.workspace, row.id), Failed(error=beyond(needs, self._capacity.needs)))
            return
        lane.admit(row)
        if lane.overfull:
            for ready in lane.shed(self._has_begun):
                journal.release((row.workspace, ready.job_id))
        self._decide_soon(lane)

    def _has_begun(self, address: Address) -> bool:
        row = self._around.journal.current(address)
        return row is not None and row.status is not Status.WAITING

    async def _refill(self, lane: Lane) -> None:
        lane.refilling = True
        query = JobQuery(
            workspace=lane.queue.workspace,
            target=(lane.target.id,),
            status=(Status.WAITING,),
            order="rank",
            after=lane.boundary,
            limit=lane.refill_size,
        )
        for row in lane.refilled(await patiently(self._around.entropy, self._store.page, query)):
            self._admit(lane, row)
        self._decide_soon(lane)

    # Deciding and acting ----------------------------------------------------------------------------------------------

    def _decide_soon(self, lane: Lane | None = None) -> None:
        """Decide once for everything that happens in this turn of the event loop, such as in this lane."""
        if lane is not None:
            self._stirred[lane] = None
        if not self._decision_due and not self._stopped:
            self._decision_due = True
            # Not in the context of whoever asks, which may be that of another job's trace: tasks are started there.
            self._loop.call_soon(self._decide, context=self._context)

    def _decide(self) -> None:
        self._decision_due = False
        if self._stopped:
            return
        for lane in self._stirred:
            while lane.uninspected and self._inspections < INSPECTIONS_MAX:
                details = lane.inspecting.get(lane.uninspected.popleft())
                if details is not None:
                    self._inspections += 1
                    self._tasks.start_soon(self._inspect, lane, details)
            if lane.wants_refill:
                lane.refilling = True
                self._tasks.start_soon(self._refill, lane)
        for assignment in assign([lane.queue for lane in self._stirred], self._free, self._turn):
            while self._idle:
                turn = self._idle.pop()
                if not turn.done():
                    turn.set_result(assignment)
                    break
            else:
                self._tasks.start_soon(self._slot, assignment)
        self._stirred = {lane: None for lane in self._stirred if lane.queue or lane.uninspected or lane.wants_refill}

    async def _slot(self, assignment: Assignment) -> None:
        """Execute one job after another."""
        while True:
            queue, ready = assignment.queue, assignment.ready
            lane = self.lanes[queue.workspace, queue.target]
            row = self._around.journal.current((queue.workspace, ready.job_id))
            try:
                if row is not None:
                    TRACEPARENT.set(row.traceparent)  # what the provider submits itself is part of it, too
                    await run_job(self._around, lane.provider, row, self.driven)
            finally:
                self._free.give(ready.needs)
                queue.slots.free += 1
                if self._nothing_driven is not None and not self.driven and not self._nothing_driven.done():
                    self._nothing_driven.set_result(None)
            self._decide_soon()
            turn: asyncio.Future[Assignment] = self._loop.create_future()
            self._idle.append(turn)
            assignment = await turn

    async def _inspect(self, lane: Lane, details: JobDetails) -> None:
        TRACEPARENT.set(details.traceparent)
        try:
            await inspect_job(self._around, lane.provider, details, self._capacity.needs)
        finally:
            self._inspections -= 1
            self._decide_soon()
