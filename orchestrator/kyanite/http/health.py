"""Whether the daemon lives, and whether it takes work: for whoever starts, watches and replaces it."""

from __future__ import annotations

from aiohttp import web

from kyanite.errors import WorkspaceClosed
from kyanite.http.answers import failure
from kyanite.http.service import SERVICE


def add_routes(app: web.Application) -> None:
    """Answer `/healthz` and `/readyz`. Neither asks for a key, and neither tells more than yes or no."""
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)


async def alive(request: web.Request) -> web.Response:
    """Tell that the process answers."""
    del request
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.Response:
    """Tell whether the workspace is open and takes jobs; otherwise, answer 503 and say why not."""
    service = request.app[SERVICE]
    try:
        _ = service.workspace.blobs
    except WorkspaceClosed:
        return failure(503, "NotReady", "the workspace is not open")
    if service.state.draining:
        return failure(503, "NotReady", "the daemon is about to end, and takes no new jobs")
    return web.json_response({"status": "ready"})
