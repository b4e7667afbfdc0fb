"""What `kyanite solve` and `kyanite job submit` have in common: the options that describe a job, and its submit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kyanite.cli.completion import UNFINISHED, tags, target_ids
from kyanite.cli.exits import Stop
from kyanite.cli.input import QIO_FORMAT, check_problem, job_name
from kyanite.cli.session import Session, nothing_left

if TYPE_CHECKING:
    from kyanite import Job, Workspace

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TARGET = "microsoft.simulatedannealing-parameterfree.cpu"


@dataclass(frozen=True)
class Submission:
    """What the command line says of the job to be."""

    file: str
    target: str
    params: dict[str, Any]
    name: str | None
    tag: tuple[str, ...]
    priority: int
    time_limit: float | None
    attempts: int
    job_id: str | None


def parameter(ctx: click.Context, option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return `name=value` pairs as a mapping: a value is JSON if it can be, else text. Raises `BadParameter`."""
    params: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{pair!r} is not of the form name=value", ctx, option)
        if name in params:
            raise click.BadParameter(f"{name} is given twice", ctx, option)
        params[name] = _value(text)
    return params


def _value(text: str) -> Any:
    import msgspec

    with suppress(ValueError, RecursionError):
        return msgspec.json.decode(text)
    return text


_OPTIONS = (
    click.argument("file", type=click.Path(allow_dash=True)),
    click.option(
        "-t",
        "--target",
        metavar="TARGET",
        default=DEFAULT_TARGET,
        show_default=True,
        shell_complete=target_ids,
        help="Where the job goes; `kyanite target list` shows what there is.",
    ),
    click.option(
        "-p",
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        callback=parameter,
        help="A parameter of the solver, such as seed=7 or timeout=10; once for each.",
    ),
    click.option("--name", metavar="NAME", help="What to call the job; the file's name unless given."),
    click.option(
        "--tag", multiple=True, metavar="TAG", shell_complete=tags, help="A label to find the job by; may be repeated."
    ),
    click.option("--priority", type=int, metavar="N", default=0, help="Higher goes first; 0 unless given."),
    click.option("--time-limit", type=float, metavar="S", help="Seconds after which an attempt fails with TimedOut."),
    click.option("--attempts", type=int, metavar="N", default=1, help="How often to try, where trying again may help."),
    click.option(
        "--job-id", metavar="ID", help="An id of your own: submitting the same job under it again changes nothing."
    ),
)


def submission_options(command: F) -> F:
    """Give a command the argument FILE and the options that describe a job."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


async def submit(session: Session, workspace: Workspace, wanted: Submission, path: Path) -> Job:
    """Submit the job, and see to it that an interrupt tells truly what became of it. Raises `Stop`."""
    from kyanite.runtime.system import SystemEntropy

    formats = {target.id: target.input_data_format for target in workspace.targets()}
    if formats.get(wanted.target) == QIO_FORMAT:
        check_problem(path, wanted.file)
    job_id = wanted.job_id or SystemEntropy().job_id()
    session.left = partial(_left_while_submitting, session, job_id)
    job = await workspace.submit(
        wanted.target,
        path,
        input_params={"params": wanted.params} if wanted.params else None,
        name=wanted.name or job_name(wanted.file),
        job_id=job_id,
        priority=wanted.priority,
        tags=wanted.tag,
        timeout_s=wanted.time_limit,
        attempts_max=wanted.attempts,
    )
    session.left = partial(session.kept, job.id)
    drives = workspace.drive and session.daemon is None
    if drives and (others := await workspace.count_jobs(status=UNFINISHED) - 1) > 0:
        shown = session.again("job", "list", "-s", "waiting", "-s", "executing")
        which = "another job that has" if others == 1 else f"{others} other jobs that have"
        session.say(f"this also executes {which} not ended; see `{shown}`")
    return job


def _left_while_submitting(session: Session, job_id: str) -> str:
    """Look whether the submit came through: what was on its way is stored while the workspace closes."""
    from kyanite.cli.opening import reading
    from kyanite.errors import JobNotFound, Unreachable

    session.left = nothing_left  # this is it
    try:
        reading(session, lambda workspace: workspace.get_job(job_id))
    except (JobNotFound, Stop):
        return "nothing was submitted"
    except Unreachable:
        return f"whether job {job_id} was submitted is not known; the same again with --job-id {job_id} is safe"
    return session.kept(job_id)
