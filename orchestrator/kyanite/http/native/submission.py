"""From the body of a submit to the arguments of `Workspace.submit`: above all, where the job's input is."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from secrets import token_hex
from typing import Any

from msgspec import UNSET

from kyanite import Workspace
from kyanite.blobs.keys import uri_of
from kyanite.errors import BlobExists, IdConflict, InvalidRequest, JobNotFound
from kyanite.http.native.bodies import JobBody, text_or_json
from kyanite.http.native.conditions import job_id_of
from kyanite.runtime.envelope import checked_job_id
from kyanite.runtime.housekeeping import CONTAINER
from kyanite.runtime.system import SystemEntropy

_AS_THEY_ARE = (
    *("target", "input_data_format", "output_data_format", "input_params", "name", "metadata", "timeout_s"),
    *("provider_id", "session_id"),
)
"""The fields that mean to `Workspace.submit` what they say, and nothing when they are absent."""

_entropy = SystemEntropy()


async def arguments_of(headers: Mapping[str, str], workspace: Workspace, body: JobBody) -> dict[str, Any]:
    """Return the arguments of `Workspace.submit`. Raises `InvalidRequest`, `IdConflict`, and what blobs do."""
    arguments = {name: value for name in _AS_THEY_ARE if (value := getattr(body, name)) is not None}
    by_key = job_id_of(headers, workspace.name)
    job_id = by_key if body.job_id is None else body.job_id
    content = _content(body)
    if content is not None and body.input_data_uri is not None:
        raise InvalidRequest("input_data_uri", "and an input can not both be given")
    if body.input_type is not None:
        job_id = checked_job_id(job_id or _entropy.job_id())
        arguments["input_data_uri"] = await _stored(workspace, job_id, body.input_bytes or b"", body.input_type)
    elif content is not None:
        arguments["input"] = content
    else:
        arguments["input_data_uri"] = body.input_data_uri or await _uploaded(workspace, job_id)
    return arguments | {
        "job_id": job_id,
        "tags": body.tags or (),
        "priority": body.priority or 0,
        "attempts_max": 1 if body.attempts_max is None else body.attempts_max,
    }


def input_key(workspace: str, job_id: str) -> str:
    """Return the key of the input that is uploaded for a job to come. Raises `InvalidRequest`."""
    return f"{workspace}/{CONTAINER}{checked_job_id(job_id)}/inputData"


def _content(body: JobBody) -> Any:
    """Return the input that stands in the body itself, if there is one."""
    content = None if body.input is UNSET else text_or_json(body.input)
    if body.input_bytes is None:
        if body.input_type is not None:
            raise InvalidRequest("input_type", "says what input_bytes is, which is missing")
        return content
    if content is not None:
        raise InvalidRequest("input_bytes", "and input can not both be given")
    return body.input_bytes


async def _uploaded(workspace: Workspace, job_id: str | None) -> str:
    """Return where the input lies that was uploaded before."""
    key = None if job_id is None else input_key(workspace.name, job_id)
    if key is None or await workspace.blobs.stat(key) is None:
        path = f"/v1/jobs/{job_id or '{job_id}'}/input"
        raise InvalidRequest("input", f"is missing, and nothing was uploaded to {path} before")
    return uri_of(key)


async def _stored(workspace: Workspace, job_id: str, content: bytes, content_type: str) -> str:
    """Store an input that says of what type it is, and return where it lies; the same one again lies there already."""
    key = input_key(workspace.name, job_id)
    try:
        await workspace.blobs.put(key, content, content_type=content_type)
    except BlobExists:
        there = await workspace.blobs.stat(key)
        if there is None or there.sha256 != sha256(content).hexdigest():
            await _check_unsubmitted(workspace, job_id)
            # What lies there is that of a submit that came to nothing; it is swept.
            key = f"{key}-{token_hex(8)}"
            await workspace.blobs.put(key, content, content_type=content_type)
    return uri_of(key)


async def _check_unsubmitted(workspace: Workspace, job_id: str) -> None:
    if await is_submitted(workspace, job_id):
        raise IdConflict(f"{job_id} was submitted before with another input")


async def is_submitted(workspace: Workspace, job_id: str) -> bool:
    """Tell whether there is a job of this id."""
    try:
        await workspace.get_job(job_id)
    except JobNotFound:
        return False
    return True
