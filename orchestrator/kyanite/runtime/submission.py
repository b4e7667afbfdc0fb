"""From what a caller hands in to a job's first row: envelope checked, input stored, nothing else recorded yet."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec
from msgspec.structs import replace

from kyanite.blobs.keys import key_of, uri_of
from kyanite.blobs.transfer import Transfer
from kyanite.content import content_of
from kyanite.core.events import Amended
from kyanite.core.job import JobDetails, Status, Target
from kyanite.errors import BlobExists, IdConflict, InvalidRequest, QueueFull, QuotaExceeded, ReadOnly, SessionClosed
from kyanite.ports import Blob, Clock, Content, Entropy, Request
from kyanite.runtime import envelope
from kyanite.runtime.engine import Engine, Storage
from kyanite.runtime.housekeeping import CONTAINER
from kyanite.runtime.quotas import Quota
from kyanite.runtime.registry import Registry
from kyanite.runtime.sessions import check_admission
from kyanite.runtime.trace import TRACEPARENT


def envelope_of(request: Request, target: Target, workspace: str, clock: Clock, entropy: Entropy) -> JobDetails:
    """Return the row as far as it is known without the input. Raises `InvalidRequest` naming the field."""
    job_id = entropy.job_id() if request.job_id is None else envelope.checked_job_id(request.job_id)
    input_uri = uri_of(f"{workspace}/job-{job_id}/inputData")
    params = request.input_params
    return JobDetails(
        id=job_id,
        name=envelope.text_or(target.id, "name", request.name),
        provider_id=target.provider_id,
        provider_spelt=envelope.spelt_otherwise(request.provider_id, target.provider_id),
        target=target.id,
        session_id=None if request.session_id is None else envelope.checked_id("session_id", request.session_id),
        container_uri=input_uri.rpartition("/")[0],
        input_data_uri=input_uri,
        input_data_format=envelope.text_or(target.input_data_format, "input_data_format", request.input_data_format),
        output_data_format=envelope.text_or(
            target.output_data_format, "output_data_format", request.output_data_format
        ),
        input_params={} if params is None else envelope.checked_json("input_params", params, envelope.PARAMS_BYTES_MAX),
        metadata=envelope.checked_mapping("metadata", request.metadata, envelope.METADATA_BYTES_MAX),
        tags=envelope.checked_tags(request.tags) if request.tags else (),
        priority=envelope.checked_priority(request.priority),
        timeout_s=envelope.checked_timeout(request.timeout_s),
        attempts_max=envelope.checked_attempts(request.attempts_max),
        workspace=workspace,
        traceparent=TRACEPARENT.get(),
        creation_time=clock.now(),
    )


def amendment(
    row: JobDetails,
    age_per_level_s: float,
    *,
    name: str | None = None,
    tags: Any = None,
    metadata: Any = None,
    priority: int | None = None,
) -> Amended:
    """Return what to record for a change of labels or priority. Raises `InvalidRequest`."""
    if priority is not None and row.status is not Status.WAITING:
        raise InvalidRequest("priority", f"can only be changed while the job waits; it is {row.status.value}")
    level = None if priority is None else envelope.checked_priority(priority)
    return Amended(
        name=envelope.text_or(None, "name", name),
        tags=None if tags is None else envelope.checked_tags(tags),
        metadata=None
        if metadata is None
        else envelope.checked_mapping("metadata", metadata, envelope.METADATA_BYTES_MAX),
        priority=level,
        rank=None if level is None else rank(row, level, age_per_level_s),
    )


def rank(row: JobDetails, priority: int, age_per_level_s: float) -> float:
    """Return the order in the queue, lowest first: a level of priority is worth so many seconds of waiting."""
    return row.creation_time.timestamp() - priority * age_per_level_s


def fingerprint(details: JobDetails) -> str:
    """Return what tells a repeated submit from another job under the same id."""
    parts = (
        details.target,
        details.input_data_format,
        details.output_data_format,
        details.input_params,
        details.input_hash or details.input_data_uri,
    )
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


class Submission:
    """Takes jobs in: a caller either gets a job that is durable, or an error and no job."""

    def __init__(self, engine: Engine, registry: Registry, workspace: str, *, read_only: bool) -> None:
        """Submit to this engine, to one workspace."""
        storage = engine.storage
        self._engine = engine
        self._registry = registry
        self._workspace = workspace
        self._read_only = read_only
        self._inputs = Inputs(engine.transfer, storage, engine.settings.limits.input_max_bytes)

    async def submit(self, target_id: str, content: Any, request: Request) -> JobDetails:
        """Check, store the input, record the row; see `Workspace.submit`."""
        if self._read_only:
            raise ReadOnly
        engine, settings = self._engine, self._engine.settings
        target, provider = self._registry.find(target_id)
        if engine.census.waiting >= settings.queue.waiting_max:
            # Not how many of them are whose: workspaces share the bound.
            raise QueueFull(f"queue.waiting_max is {settings.queue.waiting_max:,}")
        details = envelope_of(request, target, self._workspace, engine.storage.clock, engine.storage.entropy)
        provider.accept(details)
        await self._check_session(details, target)
        quota = engine.quotas.of(self._workspace)
        admitted = await self._admit(quota, details, request)
        try:
            blob = await self._input(details, request, content)
            details = replace(
                details,
                input_data_uri=uri_of(blob.key),
                input_hash=blob.sha256,
                input_size=blob.size,
                rank=rank(details, details.priority, settings.queue.age_per_level_s),
            )
            details = replace(details, fingerprint=fingerprint(details))
            await engine.subscriptions.begun()
            return await engine.journal.submit(details) or await self._submitted_before(details)
        finally:
            if admitted:
                quota.leave(details.id)

    async def _admit(self, quota: Quota, details: JobDetails, request: Request) -> bool:
        """Take a place among the open jobs; a submit that is repeated was taken, and needs none. Tell whether."""
        try:
            quota.admit(details.id)
        except QuotaExceeded:
            if request.job_id is None or await self._engine.storage.store.get(details.workspace, details.id) is None:
                raise
            return False
        return True

    async def _check_session(self, details: JobDetails, target: Target) -> None:
        """Refuse what its session does not take; but a submit that is repeated was taken, whatever came since."""
        if details.session_id is None:
            return
        store = self._engine.storage.store
        try:
            await check_admission(store, details.workspace, details.session_id, target)
        except SessionClosed:
            if await store.get(details.workspace, details.id) is None:
                raise

    async def upload(self, content: Any, container: str, name: str | None, content_type: str | None) -> str:
        """Store content for jobs to come, and return its URI; see `Workspace.upload`."""
        if self._read_only:
            raise ReadOnly
        if container.startswith(CONTAINER):
            raise InvalidRequest("container", f"is {container!r}: what starts with {CONTAINER} belongs to a job")
        name = self._engine.storage.entropy.job_id() if name is None else name
        blob = await self._inputs.upload(f"{self._workspace}/{container}/{name}", content, content_type)
        return uri_of(blob.key)

    async def _input(self, details: JobDetails, request: Request, content: Any) -> Blob:
        if request.input_data_uri is not None:
            if content is not None:
                raise InvalidRequest("input_data_uri", "and an input can not both be given")
            return await self._inputs.find(details.workspace, request.input_data_uri)
        if content is None:
            raise InvalidRequest("input", "is missing")
        return await self._inputs.put(details, content)

    async def _submitted_before(self, details: JobDetails) -> JobDetails:
        """Return the job that has this id if it is the same job."""
        there = await self._engine.storage.store.get(details.workspace, details.id)
        if there is None:
            raise IdConflict(f"{details.id} belonged to a job that was deleted")
        if there.fingerprint != details.fingerprint:
            raise IdConflict(f"{details.id} is {there.name!r} on {there.target}, which is not the same job")
        return there


class Inputs:
    """Stores inputs before their rows exist. One that never gets a row is swept later."""

    def __init__(self, transfer: Transfer, storage: Storage, bytes_max: int) -> None:
        """Write inputs of at most `bytes_max`."""
        self._transfer = transfer
        self._blobs = storage.blobs
        self._store = storage.store
        self._entropy = storage.entropy
        self._bytes_max = bytes_max

    async def put(self, details: JobDetails, content: Any) -> Blob:
        """Store the input of a job that is about to be. Raises `InvalidRequest`, `IdConflict`."""
        raw, content_type = content_of(content, "input")
        key = key_of(details.input_data_uri)
        try:
            return await self._transfer.put(key, await self._checked(raw), content_type=content_type)
        except BlobExists:
            return await self._put_again(details, key, raw, content_type)

    async def upload(self, key: str, content: Any, content_type: str | None) -> Blob:
        """Store what is no job's own. Raises `InvalidRequest`, and `BlobExists` if other content has this name."""
        raw, natural_type = content_of(content, "content")
        try:
            return await self._transfer.put(key, await self._checked(raw), content_type=content_type or natural_type)
        except BlobExists:
            there = await self._blobs.stat(key)
            if there is None or there.sha256 != await _hash(raw):
                raise
            return there

    async def find(self, workspace: str, uri: str) -> Blob:
        """Return an input that is stored already. It must lie in this workspace."""
        try:
            key = key_of(uri)
        except InvalidRequest as error:
            raise InvalidRequest("input_data_uri", f"is no address of a stored blob: {error}") from error
        blob = await self._blobs.stat(key) if key.startswith(f"{workspace}/") else None
        if blob is None:
            raise InvalidRequest("input_data_uri", f"names no blob of this workspace: {uri}")
        return blob

    async def _put_again(self, details: JobDetails, key: str, raw: Content, content_type: str) -> Blob:
        """A submit under the same id was here before: its input serves if it is the same, else it is an orphan's."""
        there = await self._blobs.stat(key)
        if there is not None and there.sha256 == await _hash(raw):
            return there
        if not isinstance(raw, bytes | Path) or await self._store.get(details.workspace, details.id) is not None:
            raise IdConflict(f"{details.id} was submitted before with another input")
        return await self._transfer.put(f"{key}-{self._entropy.event_id()}", raw, content_type=content_type)

    async def _checked(self, raw: Content) -> Content:
        """Return what to write; it is refused, at the latest while it is read, if it is too large."""
        if isinstance(raw, bytes) and len(raw) > self._bytes_max:
            raise self._oversize(len(raw))
        if isinstance(raw, Path):
            await self._check_file(raw)
        return raw if isinstance(raw, bytes | Path) else self._bounded(raw)

    async def _check_file(self, path: Path) -> None:
        try:
            size = (await anyio.to_thread.run_sync(path.stat)).st_size
        except OSError as error:
            raise InvalidRequest("input", f"can not be read: {path}: {error.strerror}") from error
        if size > self._bytes_max:
            raise self._oversize(size)

    async def _bounded(self, stream: Any) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in stream:
            size += len(chunk)
            if size > self._bytes_max:
                raise self._oversize(size)
            yield chunk

    def _oversize(self, size: int) -> InvalidRequest:
        return InvalidRequest("input", f"has {size:,} bytes or more; at most {self._bytes_max:,} are allowed")


async def _hash(raw: Content) -> str | None:
    """Return the hash of what can be read again; a stream was used up."""
    if isinstance(raw, bytes):
        return hashlib.sha256(raw).hexdigest()
    if isinstance(raw, Path):
        return await anyio.to_thread.run_sync(_hash_file, raw)
    return None


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
