"""Jobs: submitted, looked at, cancelled, changed and removed."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from kyanite import Workspace
from kyanite.blobs.keys import uri_of
from kyanite.core.job import JobDetails
from kyanite.errors import InvalidRequest
from kyanite.http import gateway
from kyanite.http.azure import bodies, wire
from kyanite.http.azure.answers import answer
from kyanite.http.azure.generation import is_old
from kyanite.http.azure.storage import links
from kyanite.http.faults import refusal
from kyanite.http.service import WORKSPACE


async def submit(request: web.Request) -> web.Response:
    """PUT `jobs/{id}`: 201 for a new job, 200 for the same one again, as clients repeat what they get no answer to."""
    workspace = request[WORKSPACE]
    body = bodies.read(await request.read(), bodies.JobBody)
    arguments = bodies.submission(body, request.match_info["id"], _input(request, body.input_data_uri))
    _check_ours(request, body.container_uri)
    since = workspace.now()
    arguments["target"] = _served(workspace, arguments["target"])
    job = await workspace.submit(**arguments)
    return answer(document(request, job.details), 201 if job.details.creation_time >= since else 200)


async def get(request: web.Request) -> web.Response:
    """GET `jobs/{id}`."""
    job = await request[WORKSPACE].get_job(request.match_info["id"])
    return answer(document(request, job.details))


async def cancel(request: web.Request) -> web.Response:
    """POST `jobs/{id}:cancel`: the job as it is after its end, or after the grace time."""
    job = await request[WORKSPACE].cancel_job(request.match_info["id"])
    return answer(document(request, job.details))


async def delete(request: web.Request) -> web.Response:
    """DELETE `jobs/{id}`: the newer client removes an ended job, and the older one means to cancel it."""
    workspace, job_id = request[WORKSPACE], request.match_info["id"]
    if is_old(request):
        await workspace.cancel_job(job_id)
    elif not await workspace.delete_job(job_id):
        details = (await workspace.get_job(job_id)).details
        if details.final:
            return refusal(409, "JobInUse", f"The job stays: another job has its input from {job_id}'s container")
        return refusal(409, "JobNotEnded", f"The job has not ended: {job_id} is {details.status}; cancel it first")
    return web.Response(status=204)


async def change(request: web.Request) -> web.Response:
    """PATCH `jobs/{id}`: another name, other tags, or another priority while the job waits."""
    body = await request.read()
    job = await request[WORKSPACE].get_job(request.match_info["id"])
    if changes := bodies.amendment(body, job.details):
        await job.amend(**changes)
    return answer(document(request, job.details) if is_old(request) else wire.amended(job.details))


def document(request: web.Request, details: JobDetails) -> dict[str, Any]:
    """Return a job as the client that asks reads it."""
    return wire.job(details, links(request, details), old=is_old(request))


def _served(workspace: Workspace, target_id: str) -> str:
    """Return the target as the workspace spells it: clients of this service write names in any case."""
    wanted = target_id.lower()
    return next((target.id for target in workspace.targets() if target.id.lower() == wanted), target_id)


def _input(request: web.Request, url: str | None) -> str:
    """Return where the input lies, as the workspace says it. What signs the address is dropped here."""
    key = gateway.key_in(request, bodies.required("inputDataUri", url))
    if key is None:
        raise _foreign("inputDataUri")
    return uri_of(key)


def _check_ours(request: web.Request, url: str | None) -> None:
    """Refuse a container elsewhere: a client that holds one will look for its output there."""
    if url is None:
        return
    container = url.partition("?")[0].rstrip("/")
    if gateway.key_in(request, f"{container}/inputData") is None:
        raise _foreign("containerUri")


def _foreign(field: str) -> InvalidRequest:
    return InvalidRequest(
        field, "is not in this daemon's own storage, and no other is configured; upload to what storage/sasUri gives"
    )
