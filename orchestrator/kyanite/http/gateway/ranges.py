"""Which part of a blob a request is for, and on which conditions. Pure: headers and a blob in, numbers or a fault out.

See RFC 9110, sections 13 and 14; `x-ms-range` and the codes are Azure's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from kyanite.http.gateway.faults import Fault
from kyanite.ports import Blob

_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*", re.ASCII)


def etag_of(blob: Blob) -> str:
    """Return the blob's entity tag: equal tags are equal bytes."""
    return f'"{blob.sha256}"'


def http_date(time: datetime) -> str:
    """Return a time as headers have it, in whole seconds."""
    return format_datetime(time.astimezone(UTC).replace(microsecond=0), usegmt=True)


def asked_range(headers: Mapping[str, str], blob: Blob) -> tuple[int, int] | None:
    """Return the first byte that is asked for and the one behind the last, or `None` for the whole blob.

    `x-ms-range` goes before `Range`, and has no form for a blob's end. A `Range` that is none, or several, is passed
    over, as is one that `If-Range` says is of another blob. Raises `Fault`.
    """
    if "x-ms-range" in headers:
        found = _RANGE.fullmatch(headers["x-ms-range"])
        if not found or not found[1] or (found[2] and int(found[2]) < int(found[1])):
            raise Fault(400, "InvalidHeaderValue", "x-ms-range is to be bytes=FIRST-LAST or bytes=FIRST-")
        return _within(int(found[1]), int(found[2]) if found[2] else None, blob)
    found = _RANGE.fullmatch(headers.get("Range", ""))
    if not found or not _is_still(headers.get("If-Range"), blob):
        return None
    first, last = found.groups()
    if first:
        # The wrong way round it is no range at all.
        return None if last and int(last) < int(first) else _within(int(first), int(last) if last else None, blob)
    if not last:
        return None
    return _within(max(0, blob.size - int(last)) if int(last) else blob.size, None, blob)


def check_conditions(headers: Mapping[str, str], blob: Blob) -> None:
    """Look at the conditions of a request that reads. Raises `Fault`: 412, or 304 for what the client has already."""
    match, unmodified = headers.get("If-Match"), _date(headers.get("If-Unmodified-Since"))
    same = (unmodified is None or _seconds(blob) <= unmodified) if match is None else _names(match, blob, weak=False)
    if not same:
        raise Fault(412, "ConditionNotMet", "the blob is not the one that the conditions are for")
    other, modified = headers.get("If-None-Match"), _date(headers.get("If-Modified-Since"))
    known = (modified is not None and _seconds(blob) <= modified) if other is None else _names(other, blob, weak=True)
    if known:
        tags = {"ETag": etag_of(blob), "Last-Modified": http_date(blob.created)}
        raise Fault(304, "ConditionNotMet", "the blob has not changed", tags)


def _within(first: int, last: int | None, blob: Blob) -> tuple[int, int]:
    if first >= blob.size:
        message = f"the blob has {blob.size} bytes, and none from {first} on"
        raise Fault(416, "InvalidRange", message, {"Content-Range": f"bytes */{blob.size}"})
    return first, blob.size if last is None else min(last + 1, blob.size)


def _names(tags: str, blob: Blob, *, weak: bool) -> bool:
    """Tell whether a list of tags names this blob."""
    own = etag_of(blob)
    return any(
        tag == "*" or tag.strip('"') == blob.sha256 or (weak and tag.removeprefix("W/") == own)
        for tag in map(str.strip, tags.split(","))
    )


def _is_still(validator: str | None, blob: Blob) -> bool:
    return validator is None or validator.strip() == etag_of(blob) or _date(validator) == _seconds(blob)


def _seconds(blob: Blob) -> datetime:
    return blob.created.astimezone(UTC).replace(microsecond=0)


def _date(text: str | None) -> datetime | None:
    """Return a date of a header; one that is none is as good as absent."""
    try:
        date = parsedate_to_datetime(text) if text else None
        return date and (date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
