"""`kyanite job wait` and `kyanite job watch`: until jobs have ended, executing them here if nobody else does."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click

from kyanite.cli.completion import UNFINISHED, job_ids
from kyanite.cli.exits import Exit, Stop, code_of
from kyanite.cli.ids import find_all
from kyanite.cli.opening import Away, Owned, driving, on_daemon, owning, reading
from kyanite.cli.output import format_option, show
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import JOBS
from kyanite.cli.way import named

if TYPE_CHECKING:
    import anyio

    from kyanite import Job, JobDetails, Workspace

    LookOn = Callable[[Workspace], Awaitable[Sequence[JobDetails] | None]]

OWNER_CHECK_S = 0.5
"""How often a process that only looks on asks whether the one that executes is still there."""

timeout_option = click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", help="Wait so many seconds at most; the jobs are kept."
)


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=job_ids(*UNFINISHED))
@timeout_option
@format_option("table")
@pass_session
def wait(session: Session, /, ids: tuple[str, ...], timeout: float | None, style: str) -> int:
    """Wait until jobs have ended.

    Shows how they did, which the exit code says, too. Unless another process does so, this one executes the jobs of
    the workspace meanwhile.
    """
    return _see_to_the_end(session, Errand(reading(session, partial(_named, ids)), _deadline(timeout)), style)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]", shell_complete=job_ids(*UNFINISHED))
@timeout_option
@format_option("table")
@pass_session
def watch(session: Session, /, ids: tuple[str, ...], timeout: float | None, style: str) -> int:
    """Watch jobs until they have ended.

    Takes the jobs named, or all that have not ended now. Unless another process does so, this one executes the jobs
    of the workspace meanwhile.
    """
    rows = reading(session, partial(_named, ids) if ids else _unfinished)
    if not rows:
        session.say("no job waits or executes")
        return Exit.OK
    return _see_to_the_end(session, Errand(rows, _deadline(timeout), stays_behind=not ids), style)


class Errand(NamedTuple):
    """Which jobs to wait for and until when (by the monotonic clock); what nobody serves may stay behind, or not."""

    rows: Sequence[JobDetails]
    deadline: float | None
    stays_behind: bool = False


async def until_ended(session: Session, jobs: Sequence[Job], timeout_s: float | None) -> None:
    """Follow jobs to their ends. Raises `Stop` when the time is over first."""
    from kyanite.cli.display import follow

    try:
        await follow(jobs, quiet=session.quiet, timeout_s=timeout_s)
    except TimeoutError:
        left = [job.id for job in jobs if not (await job.refresh()).details.final]
        if left:
            raise Stop(f"not ended in time; {session.kept(*left)}", Exit.TIMED_OUT) from None
    for job in jobs:
        await job.wait()


async def _named(ids: Sequence[str], workspace: Workspace) -> list[JobDetails]:
    return [job.details for job in await find_all(workspace, ids)]


async def _unfinished(workspace: Workspace) -> list[JobDetails]:
    return [job.details async for job in workspace.list_jobs(status=UNFINISHED)]


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s


def _see_to_the_end(session: Session, errand: Errand, style: str) -> int:
    """Wait for the jobs, here or beside the process that executes them, and show their rows."""
    rows, looking_on = errand.rows, False
    ended: Sequence[JobDetails] | None = rows if all(row.final for row in rows) else None
    session.left = partial(session.kept, *(row.id for row in rows if not row.final))
    if ended is None and named(session) is not None:
        ended = driving(session, partial(_wait, session, errand))
    while ended is None:
        try:
            ended = owning(session, partial(_wait, session, errand))
        except Owned as owned:
            if not looking_on:
                who = f"the daemon at {owned.way.address}" if owned.way else f"process {owned.pid or 'unknown'}"
                session.say(f"{who} executes the jobs; this one looks on")
            looking_on = True
            ended = _beside(session, owned, partial(_look_on, session, errand, owned.pid))
    session.left = lambda: "the jobs have ended"
    show(JOBS, style, ended)
    return code_of(ended)


def _beside(session: Session, owned: Owned, look_on: LookOn) -> Sequence[JobDetails] | None:
    """Wait beside the owner of the store: by what a daemon tells, else by what stands in the folder."""
    from kyanite.errors import AccessDenied, Unreachable

    if owned.way is None:
        return reading(session, look_on)
    try:
        return on_daemon(session, owned.way, look_on)
    except (AccessDenied, Away, Unreachable):  # another daemon, with another key, may answer there by now
        if owned.pid is None or _is_alive(owned.pid):
            raise
        return None


async def _wait(session: Session, errand: Errand, workspace: Workspace) -> list[JobDetails]:
    jobs = [await workspace.get_job(row.id) for row in errand.rows]
    for job in [job for job in jobs if job.target_missing]:
        text = f"job {job.id} can not go on: nobody here serves {job.details.target}"
        if not errand.stays_behind:
            raise Stop(text)
        session.say(text)
        jobs.remove(job)
    left_s = None if errand.deadline is None else max(errand.deadline - time.monotonic(), 0.0)
    await until_ended(session, jobs, left_s)
    return [job.details for job in jobs]


async def _look_on(session: Session, errand: Errand, pid: int | None, workspace: Workspace) -> list[JobDetails] | None:
    """Wait as long as the owner of the store is there; `None` when it is gone, and jobs have not ended."""
    import anyio

    ended: list[JobDetails] | None = None
    async with anyio.create_task_group() as waiting:
        waiting.start_soon(_end_with, pid, waiting.cancel_scope)
        ended = await _wait(session, errand, workspace)
        waiting.cancel_scope.cancel()
    return ended


async def _end_with(pid: int | None, scope: anyio.CancelScope) -> None:
    import anyio

    await anyio.sleep(OWNER_CHECK_S)
    while pid is None or _is_alive(pid):  # noqa: ASYNC110  # another process sets no event here
        await anyio.sleep(OWNER_CHECK_S)
    scope.cancel()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
