"""`kyanite job submit`: put a job into the queue, and leave it there or wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.exits import code_of
from kyanite.cli.input import input_file
from kyanite.cli.opening import driving, writing
from kyanite.cli.output import format_option, show_one
from kyanite.cli.session import Session, pass_session
from kyanite.cli.submission import Submission, submission_options, submit
from kyanite.cli.views import JOBS, job_facts
from kyanite.cli.wait import timeout_option, until_ended

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace


@click.command("submit")
@submission_options
@click.option("--wait", is_flag=True, help="Execute the job now, and show how it ended.")
@timeout_option
@format_option("name")
@pass_session
def submit_job(session: Session, /, wait: bool, timeout: float | None, style: str, **fields: Any) -> int:  # noqa: FBT001  # a flag
    """Submit a job with FILE as its input.

    Prints its id. It waits in the store until a command executes it: job wait, job watch, or the next solve. With -
    for FILE, the input comes from stdin.
    """
    wanted = Submission(**fields)

    async def submitted(workspace: Workspace, path: Path) -> JobDetails:
        job = await submit(session, workspace, wanted, path)
        if wait:
            await until_ended(session, [job], timeout)
        return job.details

    with input_file(session, wanted.file) as path:
        details = (driving if wait else writing)(session, lambda workspace: submitted(workspace, path))
    show_one(JOBS, style, details, job_facts)
    if not details.final:
        does = "it waits in the queue" if session.daemon is None else f"the daemon at {session.daemon} executes it"
        then = "executes it" if session.daemon is None else "waits for its end"
        session.say(f"{does}; `{session.again('job', 'wait', details.id)}` {then}")
    return code_of([details])
