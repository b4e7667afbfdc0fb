"""One blob: created once, looked at, downloaded as a whole or in part, removed if no job has it."""

from __future__ import annotations

import msgspec
from aiohttp import web

from kyanite import Workspace
from kyanite.blobs.keys import key_of, uri_of
from kyanite.errors import BlobExists, BlobMissing, JobNotFound
from kyanite.http.download import download
from kyanite.http.gateway.addresses import OUTPUT_ALIAS, Place
from kyanite.http.gateway.body import body_of
from kyanite.http.gateway.echo import echoed
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.properties import check_supported, of_blob, stated, written
from kyanite.http.gateway.ranges import asked_range, check_conditions
from kyanite.http.service import SERVICE, WORKSPACE
from kyanite.ports import Blob

INPUT = "inputData"

_OUTPUTS = ("outputData", OUTPUT_ALIAS)
_SCAN_PAGE = 1_000


async def put_blob(request: web.Request, place: Place) -> web.Response:
    """Create a blob of the body; nothing of it is there before all is, or ever if the body breaks off."""
    kind = request.headers.get("x-ms-blob-type")
    if kind is None:
        raise Fault(400, "MissingRequiredHeader", "x-ms-blob-type is needed")
    if kind != "BlockBlob":
        raise Fault(400, "InvalidHeaderValue", "x-ms-blob-type is BlockBlob here: there are no other blobs")
    check_supported(request.headers)
    properties = stated(request.headers)
    service = request.app[SERVICE]
    await check_writable(request, place)
    content = body_of(request, service.settings.limits.input_max_bytes)
    blob = await request[WORKSPACE].blobs.put(place.key, content, **msgspec.structs.asdict(properties))
    return written(request, blob)


async def check_writable(request: web.Request, place: Place) -> None:
    """Refuse to let a client write what the orchestrator writes, or what a job has as its input. Raises `Fault`."""
    workspace = request[WORKSPACE]
    if place.job_id is not None:
        if place.blob.startswith(_OUTPUTS):
            raise Fault(403, "AuthorizationPermissionMismatch", "the outputs of a job are written by its target alone")
        if place.blob == INPUT and await _has_row(workspace, place.job_id):
            raise Fault(409, "BlobImmutableDueToPolicy", "the job is submitted: its input stays as it is")
    if "If-Match" in request.headers:
        if await workspace.blobs.stat(place.key) is not None:
            raise BlobExists(place.key)
        raise Fault(412, "ConditionNotMet", "there is no blob yet that If-Match could name")


async def blob_properties(request: web.Request, place: Place) -> web.StreamResponse:
    """Tell what is known of a blob."""
    blob = await find(request, place)
    check_conditions(request.headers, blob)
    response = web.StreamResponse(headers={**echoed(request), **of_blob(blob)})
    response.content_length = blob.size
    return response


async def get_blob(request: web.Request, place: Place) -> web.StreamResponse:
    """Send a blob or a range of it, as it is stored, no faster than the client reads."""
    check_supported(request.headers)
    blob = await find(request, place)
    check_conditions(request.headers, blob)
    asked = asked_range(request.headers, blob)
    return await download(request, blob, asked, {**echoed(request), **of_blob(blob)})


async def delete_blob(request: web.Request, place: Place) -> web.Response:
    """Remove a blob that no job has as input or output: all jobs are looked through."""
    check_supported(request.headers)
    workspace = request[WORKSPACE]
    if await workspace.blobs.stat(place.key) is None:
        raise BlobMissing(place.key)
    uri = uri_of(place.key)
    async for job in workspace.list_jobs(page_size=_SCAN_PAGE):
        if uri in {job.details.input_data_uri, job.details.output_data_uri}:
            raise Fault(409, "BlobImmutableDueToPolicy", f"the blob belongs to job {job.id}, and goes with it")
    await workspace.blobs.delete([place.key])
    return web.Response(status=202, headers=echoed(request))


async def find(request: web.Request, place: Place) -> Blob:
    """Return the blob that a request to read is for. Raises `BlobMissing`, `JobNotFound`."""
    workspace = request[WORKSPACE]
    key = place.key
    if place.blob == OUTPUT_ALIAS and place.job_id is not None:
        uri = (await workspace.get_job(place.job_id)).details.output_data_uri
        if uri is None:
            raise BlobMissing(f"{key}: the job has no output yet")
        key = key_of(uri)
    blob = await workspace.blobs.stat(key)
    if blob is None:
        raise BlobMissing(key)
    return blob


async def _has_row(workspace: Workspace, job_id: str) -> bool:
    try:
        await workspace.get_job(job_id)
    except JobNotFound:
        return False
    return True
