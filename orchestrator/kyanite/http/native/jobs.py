"""Jobs: submitted, looked at, changed, cancelled, and removed."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import UNSET

from kyanite import Job
from kyanite.core.job import JobDetails
from kyanite.http.answers import failure
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY, JobChange
from kyanite.http.native.conditions import etag_of, is_known, matched, wait_s
from kyanite.http.native.submission import arguments_of
from kyanite.http.service import WORKSPACE

DEFAULTS: dict[str, Any] = {"tags": [], "metadata": {}, "priority": 0}
"""What labels are that were never sent; a name is then the target's."""


async def submit(request: web.Request) -> web.Response:
    """Submit a job.

    201 for a new job; 200 for the same one again, under the same `job_id` or `Idempotency-Key`, so that a request that
    was not answered can be repeated. With `Prefer: wait=N` the answer comes when the job has ended, or after N seconds.
    """
    workspace = request[WORKSPACE]
    since = workspace.now()
    job = await workspace.submit(**await arguments_of(request.headers, workspace, request[BODY]))
    status = 201 if job.details.creation_time >= since else 200
    return await _shown(request, job, status, {"Location": f"/v1/jobs/{job.id}"})


async def get(request: web.Request) -> web.Response:
    """Return a job. With `Prefer: wait=N` the answer comes when the job has ended, or after N seconds."""
    job = await request[WORKSPACE].get_job(request.match_info["job_id"])
    return await _shown(request, job, 200, {})


async def change(request: web.Request) -> web.Response:
    """Change a job's labels at any time, or its priority while it waits."""
    job = await request[WORKSPACE].get_job(request.match_info["job_id"])
    version = matched(request.headers, job.details)
    if changes := _changes(request[BODY], job.details):
        await job.amend(**changes, if_version=version)
    return _answered(job.details, 200, {})


async def cancel(request: web.Request) -> web.Response:
    """Ask for a job to be cancelled; return it as it is after its end, or after the grace time if that comes first.

    An ended job is left as it is.
    """
    job = await request[WORKSPACE].get_job(request.match_info["job_id"])
    await job.cancel(request[BODY].reason, if_version=matched(request.headers, job.details))
    return _answered(job.details, 200, {})


async def delete(request: web.Request) -> web.Response:
    """Remove an ended job for good, with its input and output; its id stays refused."""
    workspace, job_id = request[WORKSPACE], request.match_info["job_id"]
    if "If-Match" in request.headers:
        matched(request.headers, (await workspace.get_job(job_id)).details)
    if not await workspace.delete_job(job_id):
        details = (await workspace.get_job(job_id)).details
        if details.final:
            return failure(409, "JobInUse", f"The job stays: another job has its input from {job_id}'s container")
        return failure(409, "JobNotEnded", f"The job has not ended: {job_id} is {details.status}; cancel it first")
    return web.Response(status=204)


async def _shown(request: web.Request, job: Job, status: int, headers: dict[str, str]) -> web.Response:
    """Return a job as the answer, later if that is preferred, and without a body if the client has it already."""
    patience_s = wait_s(request.headers)
    if patience_s is not None:
        headers["Preference-Applied"] = f"wait={patience_s}"
        try:
            await job.wait(patience_s)
        except TimeoutError:
            await job.refresh()
    if status == 200 and is_known(request.headers, etag_of(job.details)):
        return web.Response(status=304, headers={"ETag": etag_of(job.details), **headers})
    return _answered(job.details, status, headers)


def _answered(details: JobDetails, status: int, headers: dict[str, str]) -> web.Response:
    headers["ETag"] = etag_of(details)
    return documents.answer(documents.job(details), status, headers)


def _changes(body: JobChange, details: JobDetails) -> dict[str, Any]:
    """Return the arguments of `Job.amend`."""
    sent = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    defaults = {**DEFAULTS, "name": details.target}
    changes = {name: defaults[name] if value is None else value for name, value in sent.items()}
    # A job that no longer waits keeps its priority; to be told the one that it has changes nothing.
    if changes.get("priority") == details.priority:
        del changes["priority"]
    return changes
