"""`kyanite solve`: from a problem's file to its solution in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.input import input_file
from kyanite.cli.opening import driving
from kyanite.cli.output import View, format_option, show, write
from kyanite.cli.results import ended_without, show_results
from kyanite.cli.session import Session, pass_session
from kyanite.cli.submission import Submission, submission_options, submit
from kyanite.cli.table import Column
from kyanite.cli.wait import timeout_option, until_ended

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace


@click.command()
@submission_options
@timeout_option
@format_option("json", "json", "jsonl", "table", "name")
@pass_session
def solve(session: Session, /, timeout: float | None, style: str, **fields: Any) -> None:
    """Solve the problem in FILE.

    Submits it, shows how far it is, and prints the result. FILE is JSON of the format microsoft.qio.v2, maybe
    compressed with gzip; - stands for stdin. The job is kept: it can be looked at afterwards, and after Ctrl-C
    `kyanite job wait` goes on with it.
    """
    wanted = Submission(**fields)

    async def solved(workspace: Workspace, path: Path) -> tuple[JobDetails, Any]:
        job = await submit(session, workspace, wanted, path)
        await until_ended(session, [job], timeout)
        if job.details.status.value != "Succeeded":
            raise ended_without(session, job.details)
        return job.details, await job.read_results()

    with input_file(session, wanted.file) as path:
        details, results = driving(session, lambda workspace: solved(workspace, path))
    session.left = lambda: f"`{session.again('job', 'output', details.id)}` prints the result"
    if style == "name":
        write(details.id)
    elif style == "table" and isinstance(results, dict) and isinstance(results.get("solutions"), list):
        show(SOLUTIONS, style, results["solutions"])
    else:
        show_results(results, style)


def _configuration(solution: dict[str, Any]) -> str:
    return " ".join(f"{variable}={value}" for variable, value in solution["configuration"].items())


SOLUTIONS: View[dict[str, Any]] = View(
    columns=(
        Column("COST", lambda solution: f"{solution['cost']:.15g}"),
        Column("CONFIGURATION", _configuration, least=13),
    ),
    record=dict,
    name=_configuration,
)
