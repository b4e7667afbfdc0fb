"""What can be asked of the daemon in its own words: one table, from which all else about it is made.

Routes, what the guard lets whom do, the OpenAPI page and the matrix of who may do what are read off it.
"""

from __future__ import annotations

from typing import Any

from kyanite.core.findings import Finding
from kyanite.http.native import (
    callbacks,
    care,
    contents,
    cursors,
    discovery,
    documents,
    jobs,
    keys,
    listing,
    page,
    sessions,
    streams,
)
from kyanite.http.native.bodies import (
    Cancellation,
    JobBody,
    JobChange,
    KeyBody,
    Position,
    SessionBody,
    SubscriberProgress,
)
from kyanite.http.native.deliveries import DELIVERIES
from kyanite.http.native.operation import EXAMPLES, Handler, Operation
from kyanite.http.native.parameters import EventFilters, JobCount, JobListing, LogFilters, Paging, SessionListing
from kyanite.http.scopes import Scope
from kyanite.ports import Blob
from kyanite.runtime.quotas import Usage

_CHANGED, _KNOWN = ("If-Match",), ("If-None-Match",)
_JOB = "/v1/jobs/{job_id}"
_NAME = "{name:(?s:.+)}"  # whatever it is, or a line break in it would be nothing at this path


def _upload(
    name: str, path: str, handler: Handler, statuses: tuple[int, ...], answer: Any, *, takes_work: bool = False
) -> Operation:
    return Operation(
        name=name,
        method="PUT",
        path=path,
        scope=Scope.SUBMIT,
        handler=handler,
        statuses=statuses,
        headers=("Content-Type", "Content-Encoding"),
        uploads=True,
        answer=answer,
        takes_work=takes_work,
        example_body=b"[1, 2]",
    )


def _download(name: str, path: str, handler: Handler) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=path,
        scope=Scope.READ,
        handler=handler,
        statuses=(200, 206, 304, 404, 410, 412, 416),
        headers=("Range", "If-None-Match", "If-Match"),
        answer=bytes,
        media="*/*",  # as what it was stored
    )


# The handlers' docstrings are the descriptions that clients read.
OPERATIONS: tuple[Operation, ...] = (
    # Jobs first: aiohttp looks routes up by their first parts, and those of one path in this order.
    Operation(
        name="submitJob",
        method="POST",
        path="/v1/jobs",
        scope=Scope.SUBMIT,
        handler=jobs.submit,
        statuses=(201, 200, 404, 409),
        headers=("Idempotency-Key", "Prefer"),
        body=JobBody,
        answer=documents.Job,
        takes_work=True,
        example_body={"target": EXAMPLES["target_id"], "input": {"terms": [1, 2]}, "name": "an example"},
    ),
    Operation(
        name="listJobs",
        method="GET",
        path="/v1/jobs",
        scope=Scope.READ,
        handler=listing.jobs,
        parameters=JobListing,
        answer=documents.JobList,
    ),
    Operation(
        name="getJob",
        method="GET",
        path=_JOB,
        scope=Scope.READ,
        handler=jobs.get,
        statuses=(200, 304, 404),
        headers=(*_KNOWN, "Prefer"),
        answer=documents.Job,
    ),
    Operation(
        name="changeJob",
        method="PATCH",
        path=_JOB,
        scope=Scope.SUBMIT,
        handler=jobs.change,
        statuses=(200, 404, 412),
        headers=_CHANGED,
        body=JobChange,
        answer=documents.Job,
        example_body={"tags": ["example"]},
    ),
    Operation(
        name="deleteJob",
        method="DELETE",
        path=_JOB,
        scope=Scope.ADMIN,
        handler=jobs.delete,
        statuses=(204, 404, 409, 412),
        headers=_CHANGED,
    ),
    Operation(
        name="cancelJob",
        method="POST",
        path=f"{_JOB}/cancel",
        scope=Scope.SUBMIT,
        handler=jobs.cancel,
        statuses=(200, 404, 412),
        headers=_CHANGED,
        body=Cancellation,
        answer=documents.Job,
        example_body={"reason": "no longer needed"},
    ),
    Operation(
        name="getStory",
        method="GET",
        path=f"{_JOB}/story",
        scope=Scope.READ,
        handler=listing.story,
        statuses=(200, 404),
        parameters=Paging,
        answer=documents.Story,
    ),
    Operation(
        name="countJobs",
        method="GET",
        path="/v1/counts",
        scope=Scope.READ,
        handler=listing.counts,
        parameters=JobCount,
        answer=documents.Count,
    ),
    _upload("putInput", f"{_JOB}/input", contents.put_input, (201, 200, 409), Blob, takes_work=True),
    _download("getInput", f"{_JOB}/input", contents.get_input),
    _download("getOutput", f"{_JOB}/output", contents.get_output),
    Operation(
        name="listAttachments",
        method="GET",
        path=f"{_JOB}/attachments",
        scope=Scope.READ,
        handler=contents.list_attachments,
        statuses=(200, 404),
        parameters=Paging,
        answer=documents.BlobList,
    ),
    _upload("putAttachment", f"{_JOB}/attachments/{_NAME}", contents.put_attachment, (201, 200, 404, 409), Blob),
    _download("getAttachment", f"{_JOB}/attachments/{_NAME}", contents.get_attachment),
    _upload("putBlob", f"/v1/blobs/{{container}}/{_NAME}", contents.put_blob, (201, 200, 409), documents.Uri),
    _download("getBlob", f"/v1/blobs/{{container}}/{_NAME}", contents.get_blob),
    Operation(
        name="followJob",
        method="GET",
        path=f"{_JOB}/events",
        scope=Scope.READ,
        handler=streams.job_events,
        statuses=(200, 204, 404),
        parameters=EventFilters,
        headers=("Last-Event-ID",),
        answer=str,
        media="text/event-stream",
        streams=True,
    ),
    Operation(
        name="followLog",
        method="GET",
        path="/v1/events",
        scope=Scope.READ,
        handler=streams.events,
        parameters=LogFilters,
        headers=("Last-Event-ID",),
        answer=str,
        media="text/event-stream",
        streams=True,
    ),
    Operation(
        name="getCursor",
        method="GET",
        path=f"/v1/cursors/{_NAME}",
        scope=Scope.READ,
        handler=cursors.get,
        statuses=(200, 404),
        answer=Position,
    ),
    Operation(
        name="putCursor",
        method="PUT",
        path=f"/v1/cursors/{_NAME}",
        scope=Scope.SUBMIT,
        handler=cursors.put,
        body=SubscriberProgress,
        answer=Position,
        example_body={"position": 7},
    ),
    *DELIVERIES,
    Operation(
        name="listTargets",
        method="GET",
        path="/v1/targets",
        scope=Scope.READ,
        handler=discovery.targets,
        answer=documents.TargetList,
    ),
    Operation(
        name="getTarget",
        method="GET",
        path="/v1/targets/{target_id}",
        scope=Scope.READ,
        handler=discovery.target,
        statuses=(200, 404),
        answer=documents.TargetRecord,
    ),
    Operation(
        name="openSession",
        method="POST",
        path="/v1/sessions",
        scope=Scope.SUBMIT,
        handler=sessions.open_one,
        statuses=(201, 200),
        body=SessionBody,
        answer=documents.Session,
        takes_work=True,
        example_body={"target": EXAMPLES["target_id"], "name": "an example"},
    ),
    Operation(
        name="listSessions",
        method="GET",
        path="/v1/sessions",
        scope=Scope.READ,
        handler=listing.sessions,
        parameters=SessionListing,
        answer=documents.SessionList,
    ),
    Operation(
        name="getSession",
        method="GET",
        path="/v1/sessions/{session_id}",
        scope=Scope.READ,
        handler=sessions.get,
        statuses=(200, 404),
        answer=documents.Session,
    ),
    Operation(
        name="closeSession",
        method="POST",
        path="/v1/sessions/{session_id}/close",
        scope=Scope.SUBMIT,
        handler=sessions.close,
        statuses=(200, 404),
        answer=documents.Session,
    ),
    Operation(
        name="listKeys",
        method="GET",
        path="/v1/keys",
        scope=Scope.ADMIN,
        handler=keys.list_all,
        parameters=Paging,
        answer=documents.list_of(keys.KeyRecord, "KeyList"),
    ),
    Operation(
        name="createKey",
        method="POST",
        path="/v1/keys",
        scope=Scope.ADMIN,
        handler=keys.create,
        statuses=(201,),
        body=KeyBody,
        answer=keys.NewKey,
        example_body={"name": "an example", "scope": "read"},
    ),
    Operation(
        name="revokeKey",
        method="DELETE",
        path="/v1/keys/{key_id}",
        scope=Scope.ADMIN,
        handler=keys.revoke,
        statuses=(204, 404),
    ),
    Operation(
        name="checkStore",
        method="GET",
        path="/v1/check",
        scope=Scope.OPERATE,
        handler=care.check,
        parameters=care.CheckParameters,
        answer=care.CheckLine,
        media=care.LINES,
        streams=True,
    ),
    Operation(
        name="examineDaemon",
        method="GET",
        path="/v1/doctor",
        scope=Scope.OPERATE,
        handler=care.doctor,
        answer=Finding,
        media=care.LINES,
        streams=True,
    ),
    Operation(
        name="listSettings",
        method="GET",
        path="/v1/settings",
        scope=Scope.OPERATE,
        handler=care.settings,
        answer=care.SettingList,
    ),
    Operation(
        name="getRoot",
        method="GET",
        path="/v1",
        scope=Scope.READ,
        handler=discovery.root,
        answer=documents.Root,
    ),
    Operation(name="getUsage", method="GET", path="/v1/usage", scope=Scope.READ, handler=discovery.usage, answer=Usage),
    Operation(
        name="callBack",
        method="POST",
        path="/v1/callbacks/{token:[^/]+}",  # braces, too, for all that is wrong is answered alike
        scope=None,
        handler=callbacks.call_back,
        statuses=(202, 404, 408, 413),
        unread=True,
    ),
    Operation(
        name="getOpenApi", method="GET", path="/v1/openapi.json", scope=None, handler=page.openapi_document, answer=dict
    ),
    Operation(
        name="getDocs",
        method="GET",
        path="/v1/docs",
        scope=None,
        handler=page.docs_page,
        answer=str,
        media="text/html",
    ),
)
