"""`kyanite job show` and `kyanite job story`: one job as it stands, and how it came to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kyanite.cli.completion import job_ids
from kyanite.cli.ids import find
from kyanite.cli.opening import reading
from kyanite.cli.output import format_option, show_one, write, write_json
from kyanite.cli.screen import plain
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import JOBS, job_facts

if TYPE_CHECKING:
    from kyanite import JobDetails, Story, Workspace

STORY_FORMATS = ("table", "json", "jsonl")


@click.command()
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@format_option("table")
@pass_session
def show(session: Session, /, job_id: str, style: str) -> None:
    """Show one job.

    With -o json, that is everything known of it.
    """

    async def found(workspace: Workspace) -> JobDetails:
        return (await find(workspace, job_id)).details

    show_one(JOBS, style, reading(session, found), job_facts)


@click.command()
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@format_option("table", *STORY_FORMATS)
@pass_session
def story(session: Session, /, job_id: str, style: str) -> None:
    """Tell what happened to a job, event by event."""
    import msgspec

    async def told(workspace: Workspace) -> Story:
        return await (await find(workspace, job_id)).story()

    events = reading(session, told)
    if style == "table":
        for line in str(events).splitlines():
            write(plain(line))
    elif style == "jsonl":
        for event in events:
            write_json(msgspec.to_builtins(event), style)
    else:
        write_json([msgspec.to_builtins(event) for event in events], style)
