"""Discovery: who is asked, what may be done here and how much of it, and which targets there are."""

from __future__ import annotations

from importlib.metadata import version

from aiohttp import web

from kyanite.http.answers import failure
from kyanite.http.native import documents
from kyanite.http.service import ACCESS, WORKSPACE


async def root(request: web.Request) -> web.Response:
    """Say what serves here, which workspace that is to this client, and what the client may do in it."""
    workspace = request[WORKSPACE]
    scopes = request[ACCESS].included
    return documents.answer(
        documents.Root(version=version("kyanite"), workspace=workspace.name, scopes=scopes, time=workspace.now())
    )


async def usage(request: web.Request) -> web.Response:
    """Say what the workspace may have, and what of it is in use. Bytes are counted where they have a bound."""
    workspace = request[WORKSPACE]
    return documents.answer(workspace.host.engine.quotas.of(workspace.name).usage())


async def targets(request: web.Request) -> web.Response:
    """List the targets that jobs can be submitted to, by id: all on one page."""
    return documents.answer({"items": [*map(documents.target, request[WORKSPACE].targets())], "next": None})


async def target(request: web.Request) -> web.Response:
    """Return a target."""
    wanted = request.match_info["target_id"]
    found = next((target for target in request[WORKSPACE].targets() if target.id == wanted), None)
    if found is None:
        return failure(404, "TargetNotFound", f"No such target: {wanted!r:.200}")
    return documents.answer(documents.target(found))
