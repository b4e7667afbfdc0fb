"""Jobs on their way to a daemon: small inputs within the request, larger ones, files and streams ahead of it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import msgspec
from msgspec import Raw, Struct
from msgspec.structs import asdict

from kyanite.client.answers import read
from kyanite.client.connection import Connection, path
from kyanite.client.jobs import details_in, job_path, name_path
from kyanite.client.uploads import Upload, json_body
from kyanite.content import content_of
from kyanite.core.job import JobDetails
from kyanite.errors import BlobExists, IdConflict, InvalidRequest, JobNotFound
from kyanite.ports import Content, Request

INLINE_BYTES_MAX: Final = 65_536
"""The most that travels within the request."""
_BRACKETS_MAX: Final = 90
"""JSON with no more of them can not be nested deeper than a daemon reads."""


class _Uploaded(Struct):
    uri: str


_uploaded = msgspec.json.Decoder(_Uploaded)


class Submission:
    """Takes jobs in; see `kyanite.ports.SubmissionFace`."""

    def __init__(self, connection: Connection) -> None:
        """Send through this connection."""
        self._connection = connection

    async def submit(self, target_id: str, content: Any, request: Request) -> JobDetails:
        """Store a job and its input durably. The id is chosen here, so that a repeated request is the same job."""
        fields = {name: value for name, value in asdict(request).items() if value is not None}
        chosen = self._connection.around.entropy.job_id() if request.job_id is None else request.job_id
        fields |= {"target": target_id, "job_id": chosen}
        if content is not None and request.input_data_uri is not None:
            raise InvalidRequest("input_data_uri", "and an input can not both be given")
        if content is not None:
            fields |= await self._input(chosen, *content_of(content, "input"))
        elif request.input_data_uri is None:
            raise InvalidRequest("input", "is missing")
        return details_in((await self._connection.ask("POST", path("jobs"), body=json_body(fields))).body)

    async def upload(self, content: Any, container: str, name: str | None, content_type: str | None) -> str:
        """Store content for jobs to come, and return its URI. The name is chosen here if it is left open."""
        raw, natural_type = content_of(content, "content")
        chosen = self._connection.around.entropy.job_id() if name is None else name
        where = "/".join((path("blobs"), name_path(container), *map(name_path, chosen.split("/"))))
        answer = await self._connection.ask("PUT", where, body=Upload(raw, content_type or natural_type))
        return read(answer.body, _uploaded).uri

    async def _input(self, job_id: str, content: Content, content_type: str) -> dict[str, Any]:
        """Return what the request says of the input: the whole of it, or nothing when it was sent ahead."""
        if isinstance(content, bytes) and len(content) <= INLINE_BYTES_MAX:
            return _within(content, content_type)
        try:
            await self._connection.ask("PUT", job_path(job_id, "input"), body=Upload(content, content_type))
        except (BlobExists, IdConflict):
            return {"input_data_uri": await self._input_before(job_id, content)}
        return {}

    async def _input_before(self, job_id: str, content: Content) -> str:
        """Return where the same input lies, of which this job was made before. Raises `IdConflict` if it is another."""
        try:
            there = await self._connection.ask("GET", job_path(job_id))
        except JobNotFound:
            raise IdConflict(f"{job_id} was submitted before with another input") from None
        details = details_in(there.body)
        if details.input_hash != await _hash(content):
            raise IdConflict(f"{job_id} was submitted before with another input")
        return details.input_data_uri


def _within(content: bytes, content_type: str) -> dict[str, Any]:
    """Return an input as a part of the request, in the form in which the daemon stores exactly this."""
    if content_type.startswith("text/plain"):
        return {"input": content.decode()}
    if content_type == "application/octet-stream":
        return {"input_bytes": b64encode(content).decode()}
    # What JSON says as text, or as nothing, would be taken for such; and what is nested deep is not read.
    plain = not content.startswith(b'"') and content != b"null"
    if plain and content.count(b"[") + content.count(b"{") <= _BRACKETS_MAX:
        return {"input": Raw(content)}
    return {"input_bytes": b64encode(content).decode(), "input_type": content_type}


async def _hash(content: Content) -> str | None:
    """Return the hash of what can be read again; a stream was used up."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    if isinstance(content, Path):
        return await anyio.to_thread.run_sync(_hash_file, content)
    return None


def _hash_file(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
