"""`kyanite job plot`: a picture of one job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyanite.cli.completion import job_ids
from kyanite.cli.ids import find
from kyanite.cli.opening import reading
from kyanite.cli.session import Session, pass_session

if TYPE_CHECKING:
    from kyanite import Workspace


def _picture(ctx: click.Context, option: click.Parameter, file: str) -> str:
    """Refuse a file of a kind that can not be drawn. Raises `BadParameter`."""
    from kyanite.plots import SUFFIXES

    if Path(file).suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{file!r} does not end in one of {', '.join(SUFFIXES)}", ctx, option)
    return file


@click.command()
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@click.option(
    "-o",
    "--output",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False),
    callback=_picture,
    help="Where the picture goes; how it is drawn follows from the suffix: .png, .svg or .pdf.",
)
@pass_session
def plot(session: Session, /, job_id: str, file: str) -> None:
    """Draw how a job's search converged, what its solutions cost, and where its time went.

    What the job does not have, such as an output if it failed, is said in the picture. Drawing takes matplotlib, the
    extra [plot].
    """
    from kyanite.plots import check

    check(file)

    async def drawn(workspace: Workspace) -> str:
        job = await find(workspace, job_id)
        await job.plot(file)
        return job.id

    session.say(f"job {reading(session, drawn)} is drawn in {file}")
