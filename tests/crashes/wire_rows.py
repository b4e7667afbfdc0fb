"""What the wire shows of jobs and blobs, for the judge of histories."""

import hashlib
from datetime import datetime

import msgspec

from kyanite.http.azure import wire
from kyanite.ports import microseconds
from tests.crashes.history import Seen

UPLOAD = "upload"
BLOB_REPEATS_MAX = 60_000

_LINKS = ("containerUri", "inputDataUri", "outputDataUri")
_LABELS = ("name", "tags", "metadata", "priority", "lastUpdatedTime")
_FINAL = {"Succeeded", "Failed", "Cancelled"}


def seen_on_wire(document):
    """A job as the wire shows it. The version is the time of its last change, and links are signed anew each time."""
    row = {name: value for name, value in document.items() if name not in _LINKS}
    end = {name: value for name, value in row.items() if name not in _LABELS}
    digest, end_digest = (
        hashlib.sha256(msgspec.json.encode(each, order="sorted")).hexdigest()[:16] for each in (row, end)
    )
    final = row["status"] in _FINAL
    version = microseconds(datetime.fromisoformat(row["lastUpdatedTime"]))
    # A cancel waits for the end, which comes within the grace time here: its answer is to be final.
    return Seen(row["id"], version, final, cancel_requested=False, digest=digest, end=end_digest if final else "")


def seen_in_store(details):
    """The same of a row in the store."""
    document = wire.job(details, wire.Links("", "", ""))
    return seen_on_wire(msgspec.json.decode(msgspec.json.encode(document)))


def content_of(name):
    """What is uploaded under a name: one to some hundred thousand bytes, which follow from it."""
    digest = hashlib.sha256(name.encode()).digest()
    return digest * (1 + int.from_bytes(digest[:2], "big") * BLOB_REPEATS_MAX // 65_536 // 4)
