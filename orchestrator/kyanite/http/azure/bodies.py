"""What clients send, as JSON, and what it asks of the workspace. Pure; unknown fields are ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from kyanite.core.job import JobDetails
from kyanite.errors import InvalidRequest
from kyanite.http.azure.wire import HIGH, HIGH_PRIORITY, STANDARD, priority_text

T = TypeVar("T")
SHOWN_MAX = 200
CHANGES_MAX = 100

_WHERE = re.compile(r"(?P<problem>.*?) - at `\$\.?(?P<field>.*)`", re.DOTALL)


class JobBody(Struct, frozen=True, rename="camel"):
    """A job to be submitted. What the service fills in itself, such as the status, is not looked at."""

    id: str | None = None
    name: str | None = None
    container_uri: str | None = None
    input_data_uri: str | None = None
    input_data_format: str | None = None
    input_params: Any = None
    provider_id: str | None = None
    target: str | None = None
    metadata: dict[str, Any] | None = None
    output_data_format: str | None = None
    session_id: str | None = None
    priority: str | None = None
    tags: list[str] | None = None


class SessionBody(Struct, frozen=True, rename="camel"):
    """A session to be opened."""

    id: str | None = None
    name: str | None = None
    provider_id: str | None = None
    target: str | None = None
    job_failure_policy: str | None = None
    priority: str | None = None
    tags: list[str] | None = None


class BlobBody(Struct, frozen=True, rename="camel"):
    """What a signed link is asked for: a container, or a blob in it."""

    container_name: str
    blob_name: str | None = None


class ResourceQuery(Struct, frozen=True):
    """What the resource graph is asked."""

    query: str
    subscriptions: list[str] | None = None


class _MergePatch(Struct, frozen=True):
    name: str | UnsetType | None = UNSET
    priority: str | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET


class _Operation(Struct, frozen=True):
    op: str
    path: str
    value: Any = None


def read(body: bytes, kind: type[T]) -> T:
    """Read a body. Raises `InvalidRequest` naming the field that is not as it should be."""
    return _read(lambda: msgspec.json.decode(body, type=kind))


def checked_id(field: str, sent: str | None, in_path: str) -> str:
    """Return the id that stands in the path; one in the body must be the same. Raises `InvalidRequest`."""
    if sent not in {None, in_path}:
        raise InvalidRequest(field, f"is {sent!r:.{SHOWN_MAX}} in the body and {in_path!r:.{SHOWN_MAX}} in the path")
    return in_path


def submission(body: JobBody, job_id: str, input_data_uri: str) -> dict[str, Any]:
    """Return the arguments of `Workspace.submit` for a job whose input lies at this address of the workspace."""
    return {
        "target": required("target", body.target),
        "job_id": checked_id("id", body.id, job_id),
        "name": body.name or None,
        "provider_id": body.provider_id,
        "session_id": body.session_id or None,
        "input_data_uri": input_data_uri,
        "input_data_format": body.input_data_format,
        "output_data_format": body.output_data_format,
        "input_params": body.input_params,
        "metadata": body.metadata,
        "tags": body.tags or (),
        "priority": priority_of(body.priority),
    }


def opening(body: SessionBody, session_id: str) -> dict[str, Any]:
    """Return the arguments of `Workspace.open_session`."""
    return {
        "target": body.target,
        "session_id": checked_id("id", body.id, session_id),
        "name": body.name or None,
        "provider_id": body.provider_id,
        "job_failure_policy": body.job_failure_policy or "Abort",
        "priority": priority_of(body.priority),
        "tags": body.tags or (),
    }


def required(field: str, value: T | None) -> T:
    """Return what must have been sent."""
    if value is None:
        raise InvalidRequest(field, "is missing")
    return value


def priority_of(text: str | None) -> int:
    """Return a priority of the service's as ours. Raises `InvalidRequest`."""
    level = {"": 0, STANDARD.lower(): 0, HIGH.lower(): HIGH_PRIORITY}.get((text or "").lower())
    if level is None:
        raise InvalidRequest("priority", f"is {text!r:.{SHOWN_MAX}}, neither {STANDARD} nor {HIGH}")
    return level


# Changes ------------------------------------------------------------------------------------------------------------


def amendment(body: bytes, details: JobDetails) -> dict[str, Any]:
    """Return the arguments of `Job.amend` for a change of this job's labels.

    The body is a merge patch (RFC 7396), or the older client's list of operations (RFC 6902). What is removed is as
    if it had never been sent: the name is then the target's, the priority `Standard`, and there are no tags.
    Raises `InvalidRequest`.
    """
    listed = body.lstrip()[:1] == b"["
    patch = _merged(read(body, list[_Operation])) if listed else read(body, _MergePatch)
    changes: dict[str, Any] = {}
    if patch.name is not UNSET:
        changes["name"] = patch.name or details.target
    if patch.tags is not UNSET:
        changes["tags"] = patch.tags or []
    # A job that no longer waits keeps its priority; to be told the one that it has changes nothing.
    if patch.priority is not UNSET and (level := priority_of(patch.priority)) != priority_of(
        priority_text(details.priority)
    ):
        changes["priority"] = level
    return changes


def _merged(operations: list[_Operation]) -> _MergePatch:
    """Return what a list of operations does to the three fields that can be changed."""
    if len(operations) > CHANGES_MAX:
        raise InvalidRequest("body", f"has {len(operations)} operations; at most {CHANGES_MAX} are allowed")
    fields: dict[str, Any] = {}
    for number, operation in enumerate(operations):
        name = operation.path.removeprefix("/")
        if operation.op not in {"add", "replace", "remove"} or name not in _MergePatch.__struct_fields__:
            asked = f"{operation.op} {operation.path}"
            raise InvalidRequest(
                f"[{number}]", f"is {asked!r:.{SHOWN_MAX}}; name, priority and tags can be added, replaced and removed"
            )
        fields[name] = None if operation.op == "remove" else operation.value
    return _read(lambda: msgspec.convert(fields, _MergePatch))


def _read(reader: Callable[[], T]) -> T:
    try:
        return reader()
    except msgspec.ValidationError as error:
        found = _WHERE.fullmatch(str(error))
        field, problem = (found["field"], found["problem"]) if found else ("body", str(error))
        raise InvalidRequest(field or "body", f"is not as it should be: {problem}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("body", f"is no JSON: {error}") from None
