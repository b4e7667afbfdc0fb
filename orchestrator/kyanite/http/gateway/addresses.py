"""Where a blob is found, and which blob is meant: `http://HOST/C/C/name` is the key `<workspace>/C/name`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from kyanite.blobs.keys import is_safe, safe_key
from kyanite.errors import InvalidRequest
from kyanite.http.access import is_loopback
from kyanite.http.service import WORKSPACE
from kyanite.runtime.housekeeping import CONTAINER

if TYPE_CHECKING:
    from aiohttp import web

    from kyanite.http.service import Service

URL_LENGTH_MAX = 8190
OUTPUT_ALIAS = "rawOutputData"
"""Names, in a job's container, what the job's row says that its output is."""

TENANT = "ws"
"""The parameter of links into another workspace than the first; its value is signed."""

_CONTAINER = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_CONTAINER_LENGTH_MAX = 255
_PORTS = {"http": 80, "https": 443}


class Place(NamedTuple):
    """A blob that a request is for: where, and under which key if it is not another's alias."""

    container: str
    blob: str
    key: str

    @property
    def job_id(self) -> str | None:
        """The id of the job whose container it is, if it is one's; there may be no such job."""
        return self.container.removeprefix(CONTAINER) if self.container.startswith(CONTAINER) else None


def signed_url(
    service: Service,
    request: web.Request,
    container: str,
    blob: str | None,
    *,
    permissions: str,
    life: timedelta,
) -> str:
    """Return a link to a container and all in it, or to one blob, that is good for `life` from now.

    `permissions` are letters of `signing.PERMISSIONS`. Raises `InvalidRequest` for names that no blob can have.
    """
    checked_container(container)
    workspace = request[WORKSPACE]
    path = container if blob is None else f"{container}/{blob}"
    if blob is not None:
        blob_key(workspace.name, container, blob)
    query = service.signer.sign(
        path,
        workspace=workspace.name,
        permissions=permissions,
        expires=workspace.now() + life,
        container=blob is None,
    )
    if workspace is not service.workspace:
        query += f"&{TENANT}={workspace.name}"
    return f"{service.address(request)}/{container}/{quote(path, safe='/~')}?{query}"


def key_in(request: web.Request, url: str) -> str | None:
    """Return the key of the blob that one of our own URLs names; `None` for any other URL, a container's too.

    Ours are those at the host of the request, at the public one, or at any name of this machine's loopback with our
    port. Query and fragment, and with them a signature, are not looked at.
    """
    parts = _split(url)
    if parts is None or not _is_ours(request, parts):
        return None
    account, _, path = parts.path.removeprefix("/").partition("/")
    container, _, blob = path.partition("/")
    if account != container or not _is_container(container):
        return None
    try:
        key = f"{request[WORKSPACE].name}/{container}/{unquote(blob, errors='strict')}"
    except UnicodeDecodeError:
        return None
    return key if is_safe(key) else None


def blob_key(workspace: str, container: str, blob: str) -> str:
    """Return the key of a blob. Raises `InvalidRequest`."""
    return safe_key(f"{workspace}/{checked_container(container)}/{blob}")


def checked_container(container: str) -> str:
    """Return the name of a container if it can be one: what a job id can be, and some more. Raises `InvalidRequest`."""
    if not _is_container(container):
        most = _CONTAINER_LENGTH_MAX
        raise InvalidRequest("container", f"is 1 to {most} letters, digits, '-', '_' and single '.' within")
    return container


def _is_container(container: str) -> bool:
    return len(container) <= _CONTAINER_LENGTH_MAX and _CONTAINER.fullmatch(container) is not None


def _split(url: str) -> SplitResult | None:
    """Return the parts of a web address that has a port one can use and no password in it."""
    try:
        parts = urlsplit(url) if len(url) <= URL_LENGTH_MAX else None
        _ = parts and parts.port
    except ValueError:
        return None
    return parts if parts and parts.scheme in _PORTS and parts.username is None else None


def _is_ours(request: web.Request, parts: SplitResult) -> bool:
    port = parts.port or _PORTS[parts.scheme]
    for address in (f"{request.scheme}://{request.host}", request[WORKSPACE].settings.server.public_url):
        ours = _split(address)
        if ours is not None and (parts.hostname, port) == (ours.hostname, ours.port or _PORTS[ours.scheme]):
            return True
    listening = request.get_extra_info("sockname")
    return bool(listening) and port == listening[1] and is_loopback(parts.hostname or "")
