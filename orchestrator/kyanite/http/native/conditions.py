"""What the headers of a request ask for beside its body: conditions, patience, and to be done once only. Pure.

Entity tags and conditions are those of RFC 9110, sections 8.8.3 and 13; `Prefer` is RFC 7240's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from kyanite.core.job import JobDetails
from kyanite.errors import InvalidRequest, PreconditionFailed

WAIT_MAX_S = 60
KEY_LENGTH_MAX = 255

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE | re.ASCII)
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")


def etag_of(details: JobDetails) -> str:
    """Return a job's entity tag: its version, which every change of the row counts up."""
    return f'"{details.version}"'


def matched(headers: Mapping[str, str], details: JobDetails) -> int | None:
    """Return the version at which a change has to find the job for `If-Match` to hold, `None` for any.

    Raises `PreconditionFailed` if it names another already.
    """
    asked = headers.get("If-Match")
    if asked is None:
        return None
    if not _names(asked, etag_of(details)):
        raise PreconditionFailed(f"{details.id} is at version {details.version}, and If-Match is {asked!r:.100}")
    return None if _names(asked, "*") else details.version


def is_known(headers: Mapping[str, str], tag: str) -> bool:
    """Tell whether the client has what this tag names already, by `If-None-Match`."""
    known = headers.get("If-None-Match")
    return known is not None and _names(known.replace("W/", ""), tag)


def wait_s(headers: Mapping[str, str]) -> int | None:
    """Return how long `Prefer: wait=N` would have the answer wait, at most `WAIT_MAX_S`; `None` if not at all."""
    prefer = headers.get("Prefer")
    found = None if prefer is None else _WAIT.search(prefer)
    return None if found is None else min(int(found[1]), WAIT_MAX_S)


def job_id_of(headers: Mapping[str, str], workspace: str) -> str | None:
    """Return the id of the job that `Idempotency-Key` stands for in a workspace: always the same. `None` without one.

    Raises `InvalidRequest`.
    """
    key = headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key", f"is 1 to {KEY_LENGTH_MAX} visible ASCII characters")
    return f"key-{sha256(f'{workspace}/{key}'.encode()).hexdigest()[:32]}"


def _names(tags: str, own: str) -> bool:
    return any(tag in {"*", own} for tag in map(str.strip, tags.split(",")))
