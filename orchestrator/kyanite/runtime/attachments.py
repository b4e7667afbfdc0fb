"""Attachments: what users put beside a job's input and output, under names of their own."""

from __future__ import annotations

from kyanite.core.job import JobDetails
from kyanite.errors import InvalidRequest
from kyanite.ports import Blob, BlobStore

PAGE = 500
RESERVED = ("inputData", "outputData", "rawOutputData")
"""How the names begin that the orchestrator itself gives blobs, or answers to."""


def key_to_write(details: JobDetails, name: object) -> str:
    """Return the key of an attachment that is to be. Raises `InvalidRequest`."""
    key = key_to_read(details, name)
    if "/" in key.removeprefix(details.container + "/"):
        raise InvalidRequest("name", f"must be one part: {name!r:.200}")
    return key


def key_to_read(details: JobDetails, name: object) -> str:
    """Return the key of an attachment. Raises `InvalidRequest` for what can be none."""
    if not isinstance(name, str) or not name:
        raise InvalidRequest("name", "must be text that is not empty")
    if name.startswith(RESERVED):
        raise InvalidRequest("name", f"is {name!r:.200}: what begins with {', '.join(RESERVED)} is the job's own")
    return f"{details.container}/{name}"


async def attachments(blobs: BlobStore, details: JobDetails) -> list[Blob]:
    """Return what lies in the job's container beside its input and outputs, by name."""
    prefix, after = details.container + "/", ""
    found: list[Blob] = []
    while page := await blobs.page(prefix, after, PAGE):
        found += [blob for blob in page if not blob.key.removeprefix(prefix).startswith(RESERVED)]
        after = page[-1].key
    return found
