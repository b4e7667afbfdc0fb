"""Job ids as people write them: the first characters, as many as tell the job from the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kyanite.cli.exits import Stop
from kyanite.cli.screen import plain

if TYPE_CHECKING:
    from kyanite import Job, Workspace

CANDIDATES_MAX = 10


async def find(workspace: Workspace, prefix: str) -> Job:
    """Return the job with this id, or the only one whose id begins so. Raises `Stop`, with the candidates."""
    from kyanite.errors import JobNotFound

    if not prefix:
        raise Stop("a job's id can not be empty")
    try:
        return await workspace.get_job(prefix)
    except JobNotFound:
        found = [job async for job in workspace.list_jobs(id_prefix=prefix, descending=True, limit=CANDIDATES_MAX + 1)]
    if not found:
        raise Stop(f"no job's id begins with {prefix!r}; `kyanite job list` shows what there is")
    if len(found) > 1:
        raise Stop(_ambiguous(prefix, found))
    return found[0]


async def find_all(workspace: Workspace, prefixes: Iterable[str]) -> list[Job]:
    """Return a job for each, none twice. Raises `Stop`."""
    found = [await find(workspace, prefix) for prefix in prefixes]
    return list({job.id: job for job in found}.values())


def _ambiguous(prefix: str, jobs: list[Job]) -> str:
    shown = [f"  {job.id}  {job.details.status.value:9}  {plain(job.details.name)}" for job in jobs[:CANDIDATES_MAX]]
    more = ["  and more"] if len(jobs) > CANDIDATES_MAX else []
    return "\n".join([f"several ids begin with {prefix!r}; the newest are:", *shown, *more])
