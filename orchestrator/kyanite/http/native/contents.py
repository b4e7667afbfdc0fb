"""The bytes of jobs and blobs: an input uploaded before its submit, outputs, attachments, and blobs of no job.

What was stored is answered as it was stored. An encoding that the blob has is therefore told by a header of our own,
for a client's library undoes what `Content-Encoding` says.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from aiohttp import web

from kyanite import Workspace
from kyanite.blobs.keys import key_of, safe_key, uri_of
from kyanite.blobs.label import PLAIN_TYPE, outlined, utc_now
from kyanite.core.job import JobDetails
from kyanite.errors import BlobExists, BlobMissing, IdConflict, InvalidRequest
from kyanite.http.answers import failure
from kyanite.http.download import download
from kyanite.http.gateway.body import body_of
from kyanite.http.gateway.properties import HARMLESS
from kyanite.http.gateway.ranges import asked_range, check_conditions, etag_of, http_date
from kyanite.http.native import documents
from kyanite.http.native.listing import behind, page
from kyanite.http.native.parameters import QUERY
from kyanite.http.native.submission import input_key, is_submitted
from kyanite.http.service import SERVICE, WORKSPACE
from kyanite.ports import Blob
from kyanite.runtime import attachments
from kyanite.runtime.housekeeping import CONTAINER

ENCODING = "Kyanite-Content-Encoding"
_RANGE = ("Range", "If-Range")  # the gateway reads one of its own, too


async def put_input(request: web.Request) -> web.Response:
    """Upload the input of a job that is to be submitted under this id.

    It is created once: the same content again is answered 200, other content 409, and any once the job is submitted.
    """
    workspace, job_id = request[WORKSPACE], request.match_info["job_id"]
    key = input_key(workspace.name, job_id)
    if await is_submitted(workspace, job_id):
        raise IdConflict(f"{job_id} is submitted, and its input stays as it is")
    return _answered(*await _created(request, key))


async def get_input(request: web.Request) -> web.StreamResponse:
    """Return the input of a job as it is stored, as a whole or in part."""
    details = await _details(request)
    return await _content(request, key_of(details.input_data_uri))


async def get_output(request: web.Request) -> web.StreamResponse:
    """Return the output of a job as it is stored, as a whole or in part; of one that did not succeed, what was kept."""
    details = await _details(request)
    if details.output_data_uri is None:
        return failure(404, "OutputNotFound", f"No output: job {details.id} is {details.status}, and has none")
    return await _content(request, key_of(details.output_data_uri))


async def list_attachments(request: web.Request) -> web.Response:
    """List what lies beside a job's input and output, by name."""
    details = await _details(request)
    prefix, read = f"{details.container}/", behind(request)
    found = await _beside(request[WORKSPACE], prefix, "" if read is None else str(read[0]), request[QUERY].limit + 1)
    return page(request, found, lambda blob: blob, lambda blob: (blob.key,))


async def put_attachment(request: web.Request) -> web.Response:
    """Store something beside a job, to be removed with it: created once, as inputs are."""
    details = await _details(request)
    key = safe_key(attachments.key_to_write(details, request.match_info["name"]))
    return _answered(*await _created(request, key))


async def get_attachment(request: web.Request) -> web.StreamResponse:
    """Return an attachment as it is stored, as a whole or in part."""
    details = await _details(request)
    return await _content(request, safe_key(attachments.key_to_read(details, request.match_info["name"])))


async def put_blob(request: web.Request) -> web.Response:
    """Store content that several jobs share, and return the URI to name it by: created once, as inputs are."""
    container, name = request.match_info["container"], request.match_info["name"]
    if container.startswith(CONTAINER):
        raise InvalidRequest("container", f"is {container!r:.100}: what starts with {CONTAINER} belongs to a job")
    blob, status = await _created(request, safe_key(f"{request[WORKSPACE].name}/{container}/{name}"))
    return documents.answer(documents.Uri(uri_of(blob.key)), status, _validators(blob))


async def get_blob(request: web.Request) -> web.StreamResponse:
    """Return any blob of the workspace as it is stored, as a whole or in part."""
    container, name = request.match_info["container"], request.match_info["name"]
    return await _content(request, safe_key(f"{request[WORKSPACE].name}/{container}/{name}"))


async def _details(request: web.Request) -> JobDetails:
    return (await request[WORKSPACE].get_job(request.match_info["job_id"])).details


async def _beside(workspace: Workspace, prefix: str, after: str, limit: int) -> list[Blob]:
    """Return the next attachments, at most so many."""
    found: list[Blob] = []
    while len(found) < limit and (blobs := await workspace.blobs.page(prefix, after, limit)):
        found += [blob for blob in blobs if not blob.key.removeprefix(prefix).startswith(attachments.RESERVED)]
        after = blobs[-1].key
    return found[:limit]


# Writing ------------------------------------------------------------------------------------------------------------


async def _created(request: web.Request, key: str) -> tuple[Blob, int]:
    """Create a blob of the body; nothing of it is there before all is, or ever if the body breaks off."""
    blobs, headers = request[WORKSPACE].blobs, request.headers
    content = body_of(request, request.app[SERVICE].settings.limits.input_max_bytes)
    content_type, encoding = headers.get("Content-Type") or PLAIN_TYPE, headers.get("Content-Encoding") or None
    outlined(key, utc_now(), content_type, encoding, None)  # refuses what could not be stored, whatever is there
    there = await blobs.stat(key)
    if there is None:
        return await blobs.put(key, content, content_type=content_type, content_encoding=encoding), 201
    digest = sha256()
    async for chunk in content:
        digest.update(chunk)
    if digest.hexdigest() != there.sha256:
        raise BlobExists(key)
    return there, 200


def _answered(blob: Blob, status: int) -> web.Response:
    return documents.answer(blob, status, _validators(blob))


# Reading ------------------------------------------------------------------------------------------------------------


async def _content(request: web.Request, key: str) -> web.StreamResponse:
    """Send a blob or a range of it, no faster than the client reads."""
    blobs = request[WORKSPACE].blobs
    blob = await blobs.stat(key)
    if blob is None:
        raise BlobMissing(key)
    check_conditions(request.headers, blob)
    asked = asked_range({name: request.headers[name] for name in _RANGE if name in request.headers}, blob)
    return await download(request, blob, asked, _described(blob))


def _described(blob: Blob) -> dict[str, str]:
    """Return what the headers say of a blob, but for its length."""
    encoding = {ENCODING: blob.content_encoding} if blob.content_encoding else {}
    return {
        "Content-Type": blob.content_type,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(blob.sha256)).decode()}:",  # RFC 9530
        **_validators(blob),
        **encoding,
        **HARMLESS,
    }


def _validators(blob: Blob) -> dict[str, str]:
    return {"ETag": etag_of(blob), "Last-Modified": http_date(blob.created)}
