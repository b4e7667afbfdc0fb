"""What is known of a blob, in headers: what a client says when it writes one, and what it is told of one that is there.

Containers are virtual: one exists for whoever has a link to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from aiohttp import web
from msgspec import Struct

from kyanite.blobs.label import PLAIN_TYPE
from kyanite.http.gateway.echo import echoed
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.ranges import etag_of, http_date
from kyanite.ports import Blob

META = "x-ms-meta-"
METADATA_BYTES_MAX = 8192

_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_VISIBLE = re.compile(r"[\x20-\x7e]*", re.ASCII)
_UNSUPPORTED = re.compile(
    r"x-ms-(?:copy-|lease-|encryption-|access-tier|tags|immutability-|legal-hold|structured-|content-crc64"
    r"|requires-sync|source-|if-tags|range-get-content-|blob-(?:cache-control|content-disposition|content-language))"
)
# An uploaded page must not act as a page of ours, nor tell the next one its address, which is a key.
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Referrer-Policy": "no-referrer",
}


class Stated(Struct, frozen=True):
    """What a client says of the blob it writes: what `BlobStore.put` takes beside the content."""

    content_type: str
    content_encoding: str | None
    metadata: dict[str, str]


def stated(headers: Mapping[str, str], *, body_is_content: bool = True) -> Stated:
    """Return what the headers of a request that writes say of the blob. Raises `Fault`.

    What the body is called counts where the blob is not called anything, if the body is the blob.
    """
    plain = headers if body_is_content else {}
    return Stated(
        headers.get("x-ms-blob-content-type") or plain.get("Content-Type") or PLAIN_TYPE,
        headers.get("x-ms-blob-content-encoding") or plain.get("Content-Encoding") or None,
        _metadata(headers),
    )


def check_supported(headers: Mapping[str, str]) -> None:
    """Refuse what would silently be left undone: leases, copies, tiers, and properties that are not kept."""
    for name in headers:
        if _UNSUPPORTED.match(name.lower()):
            raise Fault(400, "UnsupportedHeader", f"the header {name.lower()} asks for what this gateway does not do")


def written(request: web.BaseRequest, blob: Blob) -> web.Response:
    """Return the answer to whoever has just created a blob."""
    headers = {"ETag": etag_of(blob), "Last-Modified": http_date(blob.created)}
    return web.Response(status=201, headers={**echoed(request), **headers, "x-ms-request-server-encrypted": "false"})


def of_blob(blob: Blob) -> dict[str, str]:
    """Return what the headers say of a blob, but for its length."""
    headers = {
        "ETag": etag_of(blob),
        "Last-Modified": http_date(blob.created),
        "Content-Type": blob.content_type,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": http_date(blob.created),
        "x-ms-server-encrypted": "false",
        **HARMLESS,
    }
    if blob.content_encoding:
        headers["Content-Encoding"] = blob.content_encoding
    return headers | {META + name: value for name, value in writable(blob.metadata).items()}


def of_container(workspace: str, container: str, now: datetime) -> dict[str, str]:
    """Return what the headers say of a container."""
    tag = hashlib.sha256(f"{workspace}/{container}".encode()).hexdigest()
    return {"ETag": f'"{tag}"', "Last-Modified": http_date(now), "x-ms-has-immutability-policy": "false"}


def writable(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the metadata that headers and XML can say; Python programs may have stored more."""
    return {
        name: value for name, value in metadata.items() if _METADATA_NAME.fullmatch(name) and _VISIBLE.fullmatch(value)
    }


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    size = 0
    for header, value in headers.items():
        if not header.lower().startswith(META):
            continue
        name = header[len(META) :]
        if not name:
            raise Fault(400, "EmptyMetadataKey", "a name of the metadata is empty")
        if not _METADATA_NAME.fullmatch(name) or not _VISIBLE.fullmatch(value):
            message = "metadata has names of letters, digits and '_', and values of printable ASCII"
            raise Fault(400, "InvalidMetadata", message)
        if any(name.lower() == other.lower() for other in found):
            raise Fault(400, "InvalidMetadata", "a name of the metadata is given twice")
        size += len(name) + len(value)
        found[name] = value
    if size > METADATA_BYTES_MAX:
        raise Fault(400, "MetadataTooLarge", f"the metadata is longer than {METADATA_BYTES_MAX} bytes")
    return found
