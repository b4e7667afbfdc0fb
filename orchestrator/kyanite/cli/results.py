"""`kyanite job output`, and results on stdout: JSON for people and programs, or the bytes as they are stored."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.completion import job_ids
from kyanite.cli.exits import Stop, code_of
from kyanite.cli.ids import find
from kyanite.cli.opening import reading
from kyanite.cli.output import format_option, write, write_json
from kyanite.cli.screen import plain
from kyanite.cli.session import Session, pass_session

if TYPE_CHECKING:
    from kyanite import Job, JobDetails, Workspace


@click.command()
@click.argument("job_id", metavar="ID", shell_complete=job_ids())
@click.option("-f", "--file", type=click.Path(dir_okay=False), help="Write the output to a file, as it is stored.")
@click.option("--raw", is_flag=True, help="Print the output as it is stored.")
@format_option("json", "json", "jsonl")
@pass_session
def output(session: Session, /, job_id: str, file: str | None, raw: bool, style: str) -> int:  # noqa: FBT001  # a flag
    """Print the output of an ended job.

    Of a failed or cancelled job it is what was kept, such as the best solution so far; the exit code says so.
    """

    async def printed(workspace: Workspace) -> int:
        job = await find(workspace, job_id)
        if not job.details.final:
            raise Stop(f"job {job.id} has not ended; `{session.again('job', 'wait', job.id)}` waits for it")
        if job.details.output_data_uri is None:
            raise ended_without(session, job.details)
        if file is not None:
            await job.download(file)
            session.say(f"{job.details.output_size:,} bytes written to {file}")
        elif raw:
            await _print_raw(job)
        else:
            show_results(await job.read_results(), style)
        return code_of([job.details])

    return reading(session, printed)


def ended_without(session: Session, details: JobDetails) -> Stop:
    """Return what to raise for a job that has ended, but not with a result."""
    reason = f" with {details.error_data.code}: {details.error_data.message}" if details.error_data else ""
    kept = f"; `{session.again('job', 'output', details.id)}` prints what it had" if details.output_data_uri else ""
    message = f"job {details.id} {details.status.value.lower()}{reason}{kept}"
    return Stop(plain(message), code_of([details]))


def show_results(results: Any, style: str) -> None:
    """Print an output: JSON if it is, else the text or the bytes. Raises `Stop` for bytes and a terminal."""
    if isinstance(results, bytes):
        _require_pipe()
        sys.stdout.buffer.write(results)
    elif isinstance(results, str):
        write(results, end="" if results.endswith("\n") else "\n")
    else:
        write_json(results, style)


async def _print_raw(job: Job) -> None:
    """Copy the output to stdout by way of a file, so that its size does not matter."""
    with tempfile.TemporaryDirectory(prefix="kyanite-output-") as folder:
        stored = await job.download(Path(folder) / "output")
        with stored.open("rb") as source:
            if b"\0" in source.read(1024):
                _require_pipe()
            source.seek(0)
            sys.stdout.flush()
            shutil.copyfileobj(source, sys.stdout.buffer, 1 << 20)


def _require_pipe() -> None:
    if sys.stdout.isatty():
        raise Stop("the output is not text; -f FILE writes it to a file")
