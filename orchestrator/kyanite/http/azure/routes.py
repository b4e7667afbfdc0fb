"""Which handler answers which request of the clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import wraps

from aiohttp import web

from kyanite.errors import InvalidRequest
from kyanite.http.azure import discovery, items, jobs, sessions, status, storage
from kyanite.http.azure.generation import OLD_PREFIX
from kyanite.http.whole_body import whole_body

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PART_LENGTH_MAX = 260

_WORKSPACE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Quantum/workspaces/{workspace}"
# The same words in any case of letters, as resource ids are copied from here and there.
_ANY_CASE = (
    "/{s:(?i:subscriptions)}/{subscription}/{g:(?i:resourceGroups)}/{group}"
    "/{p:(?i:providers)}/{q:(?i:Microsoft[.]Quantum)}/{w:(?i:workspaces)}/{workspace}"
)
_ID = "{id:[^/:]+}"

# Those that are asked for most come first: they are looked through in order.
_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"/jobs/{_ID}", jobs.get),
    ("PUT", f"/jobs/{_ID}", jobs.submit),
    ("DELETE", f"/jobs/{_ID}", jobs.delete),
    ("PATCH", f"/jobs/{_ID}", jobs.change),
    ("POST", f"/jobs/{_ID}:cancel", jobs.cancel),
    ("POST", "/storage/sasUri", storage.sas_uri),
    ("GET", "/jobs", items.list_jobs),
    ("GET", "/providerStatus", status.provider_status),
    ("GET", "/quotas", status.quotas),
    ("GET", "/quotaUsages", status.quota_usages),
    ("PUT", f"/sessions/{_ID}", sessions.put),
    ("GET", f"/sessions/{_ID}", sessions.get),
    ("POST", f"/sessions/{_ID}:close", sessions.close),
    ("GET", f"/sessions/{_ID}/jobs", items.list_session_jobs),
    ("GET", "/sessions", items.list_sessions),
    ("GET", "/topLevelItems", items.list_top_level),
)
_DISCOVERY: tuple[tuple[str, str, Handler], ...] = (
    ("GET", _WORKSPACE, discovery.workspace),
    ("GET", _ANY_CASE, discovery.workspace),
    ("POST", "/providers/Microsoft.ResourceGraph/resources", discovery.resource_graph),
)


def add_to(app: web.Application) -> None:
    """Add every route, with and without the older client's prefix, in both spellings of the workspace's path."""
    for method, path, handler in (*_workspace_routes(), *_DISCOVERY):
        app.router.add_route(method, path, _checked(handler))


def _workspace_routes() -> Iterator[tuple[str, str, Handler]]:
    for workspace in (_WORKSPACE, _ANY_CASE):
        for prefix in (OLD_PREFIX, ""):
            for method, path, handler in _ROUTES:
                yield method, f"{prefix}{workspace}{path}", handler


def _checked(handler: Handler) -> Handler:
    """Return a handler that is given short and printable names in a path alone, and no body that is yet to come."""

    @wraps(handler)
    async def checking(request: web.Request) -> web.StreamResponse:
        for name, part in request.match_info.items():
            if len(part) > PART_LENGTH_MAX or not part.isprintable():
                raise InvalidRequest(name, f"is longer than {PART_LENGTH_MAX} characters, or not printable")
        async with whole_body(request):  # which the request keeps, for the handler
            return await handler(request)

    return checking
