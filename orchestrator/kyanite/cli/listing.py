"""`kyanite job list` and `kyanite job count`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.filters import filter_options
from kyanite.cli.opening import reading
from kyanite.cli.output import View, format_option, show, show_each, write, write_json
from kyanite.cli.session import Session, pass_session
from kyanite.cli.table import Column
from kyanite.cli.views import JOBS
from kyanite.cli.vocabulary import Choice

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace

ORDERS = ("creation_time", "name", "status", "target", "provider_id", "rank")
COUNTS = ("status", "target", "provider_id", "name")

Count = tuple[str, int]


@click.command("list")
@filter_options
@click.option(
    "--order",
    type=Choice(ORDERS),
    default=ORDERS[0],
    metavar="FIELD",
    help=f"One of {', '.join(ORDERS)}; the first unless given.",
)
@click.option("--desc", "descending", is_flag=True, help="Turn the order round, such as to the newest first.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="So many at most.")
@format_option("table")
@pass_session
def list_jobs(session: Session, /, style: str, **filters: Any) -> None:
    """List jobs, the newest last."""

    async def rows(workspace: Workspace) -> AsyncIterator[JobDetails]:
        async for job in workspace.list_jobs(**filters):
            yield job.details

    async def listed(workspace: Workspace) -> int:
        return await show_each(JOBS, style, rows(workspace))

    if not reading(session, listed):
        session.say("no jobs")


@click.command()
@filter_options
@click.option("--by", type=Choice(COUNTS), metavar="FIELD", help=f"A number for each {', '.join(COUNTS)}.")
@format_option("table", "table", "json")
@pass_session
def count(session: Session, /, by: str | None, style: str, **filters: Any) -> None:
    """Count jobs, altogether or by one of their fields."""
    found = reading(session, lambda workspace: workspace.count_jobs(by, **filters))
    if style == "json":
        write_json(found, style)
    elif by is None:
        write(str(found))
    else:
        most_first = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        show(_counts(by), style, most_first)


def _counts(by: str) -> View[Count]:
    columns: tuple[Column[Count], ...] = (
        Column(by.removesuffix("_id").upper(), lambda pair: pair[0], least=20),
        Column("JOBS", lambda pair: str(pair[1])),
    )
    return View(columns, record=list, name=lambda pair: pair[0])
