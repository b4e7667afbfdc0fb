"""Which workspace a script means that names one of Azure's."""

from __future__ import annotations

import hashlib
import re

from kyanite.errors import InvalidRequest
from kyanite.runtime.envelope import checked_job_id

_RESOURCE_ID = re.compile(r"/workspaces/([^/\s]+)/?$", re.IGNORECASE)
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_SLUG_LENGTH_MAX = 64


def name_in(resource_id: str | None, name: str | None) -> str | None:
    """Return the name that a resource id ends in; it goes before one that is given by itself."""
    found = _RESOURCE_ID.search(str(resource_id)) if resource_id is not None else None
    return found[1] if found else name


def workspace_name(name: str) -> str:
    """Return the name itself if it may be one here, as all of Azure's may.

    Of any other it keeps what is fit, and a hash of the whole, so that two different names never become one.
    """
    try:
        return checked_job_id(name)
    except InvalidRequest:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        slug = _UNFIT.sub("-", name).strip("-_")[:_SLUG_LENGTH_MAX]
        return f"{slug}-{digest}" if slug else digest
