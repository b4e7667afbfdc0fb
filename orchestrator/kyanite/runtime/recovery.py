"""What to record for a job that nobody drives: after a restart, and when somebody wants it cancelled."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from kyanite.core.events import Cancelled, CancelRequested, Event, Failed, Resumed
from kyanite.core.job import ErrorData, JobDetails, OnInterrupt, Status, Target
from kyanite.ports import JobQuery, JobStore, sort_key
from kyanite.runtime.execution import Surroundings


async def unfinished(store: JobStore, workspace: str, target: str) -> list[JobDetails]:
    """Return every job of the target that has begun and not ended: no more than were in flight or between attempts."""
    query = JobQuery(workspace=workspace, target=(target,), status=(Status.EXECUTING,))
    found: list[JobDetails] = []
    while page := await store.page(query):
        found += page
        query = replace(query, after=sort_key(page[-1], query.order))
    return found


async def resume(around: Surroundings, target: Target, details: JobDetails) -> JobDetails:
    """Record what the interruption means for the job, and return its row: ended, or to be queued again."""
    restarts_max = around.limits.restarts_max
    return await around.journal.record(
        (details.workspace, details.id), lambda row: _after_interruption(row, target, restarts_max)
    )


def _after_interruption(row: JobDetails, target: Target, restarts_max: int) -> Iterable[Event]:
    if row.final:
        return ()
    if row.cancel_requested and not elsewhere(row, target):
        return (Cancelled(),)
    if not row.driving:
        return ()  # between attempts, or let go in good order: no interruption
    if target.on_interrupt is OnInterrupt.FAIL:
        message = f"the process ended while the job was executing, and {target.id} jobs can not run again"
    elif row.interruptions >= restarts_max:
        message = f"the process ended {row.interruptions + 1} times while the job was executing"
    else:
        return (Resumed(),)
    return (Failed(error=ErrorData("Interrupted", message)),)


def elsewhere(row: JobDetails, target: Target) -> bool:
    """Tell whether a remote service may know of the job: then only its provider can end it."""
    return target.remote and (row.intent is not None or row.handle is not None)


def cancel(row: JobDetails, target: Target | None, reason: str, *, drives: bool) -> Iterable[Event]:
    """Decide what a request to cancel records: the end at once where nobody executes the job, else the request.

    Unless this process `drives` jobs, a row that says that it is being driven was left so by a crash.
    """
    if row.final:
        return
    if not row.cancel_requested:
        yield CancelRequested(reason=reason)
    if row.status is Status.WAITING or (target and not (row.driving and drives) and not elsewhere(row, target)):
        yield Cancelled()
