"""The page of a container's listing: what was asked for, what is on it, and how it is written as XML."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import quote

from msgspec import Struct

from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.properties import writable
from kyanite.http.gateway.ranges import http_date
from kyanite.ports import Blob, BlobStore

PAGE_MAX = 1_000
"""Fewer than the 5,000 that may be asked for: a page is written in one go."""

DELIMITER = "/"

_ASKED_MAX = 5_000
_NAME_CHARACTERS_MAX = 1_024
_LAST = "\U0010ffff"
_UNWRITABLE = re.compile("[\x00-\x1f\ufffe\uffff]")
_INCLUDABLE = {
    *("copy", "deleted", "deletedwithversions", "immutabilitypolicy", "legalhold", "metadata", "permissions"),
    *("snapshots", "tags", "uncommittedblobs", "versions"),
}
"""What may be included: but for metadata there is none of it here."""


class Asked(Struct, frozen=True):
    """What a client wants to see. `marker` is the last name of the page before."""

    prefix: str
    delimiter: str
    marker: str
    limit: int
    metadata: bool


class Page(Struct, frozen=True):
    """What it gets: blobs, and the beginnings that stand for many, by name; and the last name if there is more."""

    entries: list[tuple[str, Blob | None]]
    next_marker: str | None


def asked_listing(query: Mapping[str, str]) -> Asked:
    """Return what the query of a request asks for. Raises `Fault`."""
    included = frozenset(filter(None, query.get("include", "").lower().split(",")))
    if unknown := included - _INCLUDABLE:
        raise _invalid("include", f"has {min(unknown)[:64]!r}")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    if len(prefix) > _NAME_CHARACTERS_MAX or not _is_text(prefix):
        raise _invalid("prefix", "is no part of a name")
    if delimiter not in {"", DELIMITER}:
        raise _invalid("delimiter", f"is {DELIMITER} or nothing")
    limit = query.get("maxresults", str(_ASKED_MAX))
    if not re.fullmatch(r"[0-9]{1,9}", limit, re.ASCII) or int(limit) == 0:
        raise _invalid("maxresults", "is a number of at least 1")
    marker = _unmarked(query.get("marker", ""))
    return Asked(prefix, delimiter, marker, int(limit), metadata="metadata" in included)


async def page_of(blobs: BlobStore, folder: str, asked: Asked) -> Page:
    """Return a page of the blobs whose keys begin with `folder`. With a delimiter, a common beginning stands once."""
    limit = min(asked.limit, PAGE_MAX)
    entries: list[tuple[str, Blob | None]] = []
    after = folder + asked.marker if asked.marker else ""
    if asked.marker.endswith(DELIMITER):  # no blob's name does
        after += _LAST
    while len(entries) <= limit:
        found = await blobs.page(folder + asked.prefix, after, limit + 1)
        for entry in _entries(found, folder, asked):
            if not entries or entry[0] != entries[-1][0]:
                entries.append(entry)
        if len(found) <= limit:
            break
        last = entries[-1]
        after = found[-1].key if last[1] is not None else folder + last[0] + _LAST
    more = len(entries) > limit
    return Page(entries[:limit], entries[limit - 1][0] if more else None)


def document(address: str, container: str, asked: Asked, page: Page) -> bytes:
    """Return the page as the blob service writes it."""
    rows = (
        _blob(blob, name, asked) if blob else f"<BlobPrefix>{_name(name)}</BlobPrefix>" for name, blob in page.entries
    )
    given = f"<Prefix>{_text(asked.prefix)}</Prefix><Marker>{_marked(asked.marker)}</Marker>"
    given += f"<MaxResults>{asked.limit}</MaxResults>"
    given += f"<Delimiter>{_text(asked.delimiter)}</Delimiter>" if asked.delimiter else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ServiceEndpoint="{escape(address)}" ContainerName="{escape(container)}">{given}'
        f"<Blobs>{''.join(rows)}</Blobs><NextMarker>{_marked(page.next_marker or '')}</NextMarker></EnumerationResults>"
    ).encode()


def _entries(blobs: list[Blob], folder: str, asked: Asked) -> Iterator[tuple[str, Blob | None]]:
    for blob in blobs:
        name = blob.key[len(folder) :]
        end = name.find(asked.delimiter, len(asked.prefix)) if asked.delimiter else -1
        yield (name, blob) if end < 0 else (name[: end + len(asked.delimiter)], None)


def _blob(blob: Blob, name: str, asked: Asked) -> str:
    date = http_date(blob.created)
    encoding = f"<Content-Encoding>{escape(blob.content_encoding)}</Content-Encoding>" if blob.content_encoding else ""
    kept = writable(blob.metadata).items() if asked.metadata else ()
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in kept)
    return (
        f"<Blob>{_name(name)}<Properties><Creation-Time>{date}</Creation-Time><Last-Modified>{date}</Last-Modified>"
        f"<Etag>{blob.sha256}</Etag><Content-Length>{blob.size}</Content-Length>"
        f"<Content-Type>{escape(blob.content_type)}</Content-Type>{encoding}<BlobType>BlockBlob</BlobType>"
        f"<ServerEncrypted>false</ServerEncrypted></Properties><Metadata>{metadata}</Metadata></Blob>"
    )


def _name(name: str) -> str:
    """Return a name as an element; one that XML can not say is percent-encoded, and says so."""
    if _UNWRITABLE.search(name):
        return f'<Name Encoded="true">{quote(name)}</Name>'
    return f"<Name>{escape(name)}</Name>"


def _text(text: str) -> str:
    return escape(_UNWRITABLE.sub("?", text))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _marked(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _unmarked(marker: str) -> str:
    try:
        name = urlsafe_b64decode(marker.encode("ascii")).decode()
    except ValueError:
        name = marker
    if _marked(name) != marker or len(name) > _NAME_CHARACTERS_MAX:
        raise _invalid("marker", "is none that was given out here")
    return name


def _invalid(name: str, problem: str) -> Fault:
    return Fault(400, "InvalidQueryParameterValue", f"{name} {problem}")
