"""`kyanite job cancel`: give jobs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kyanite.cli.completion import UNFINISHED, job_ids
from kyanite.cli.ids import find_all
from kyanite.cli.opening import writing
from kyanite.cli.output import format_option, show
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import JOBS

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=job_ids(*UNFINISHED))
@click.option("--reason", default="", help="Why; the job's story tells it.")
@format_option("table")
@pass_session
def cancel(session: Session, /, ids: tuple[str, ...], reason: str, style: str) -> None:
    """Cancel jobs. Those that have ended stay as they are."""

    async def cancelled(workspace: Workspace) -> list[JobDetails]:
        jobs = await find_all(workspace, ids)
        session.left = lambda: f"{sum(job.details.cancel_requested for job in jobs)} of {len(jobs)} jobs are cancelled"
        for job in jobs:
            if job.details.final:
                session.say(f"job {job.id} had ended before: {job.details.status.value}")
            elif not (await job.cancel(reason)).details.final:
                session.say(f"job {job.id} is asked to end; whoever executes it decides")
        return [job.details for job in jobs]

    show(JOBS, style, writing(session, cancelled))
