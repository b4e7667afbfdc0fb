"""Cursors: how far named subscribers of clients have read the log, kept beside those of this process."""

from __future__ import annotations

from aiohttp import web

from kyanite.errors import QuotaExceeded
from kyanite.http.answers import failure
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY, Position
from kyanite.http.service import WORKSPACE
from kyanite.ports import Cursor
from kyanite.runtime.subscriptions import cursor_name

CURSORS_MAX = 1_000
"""The most that a workspace may have: all are read whenever one is."""


async def get(request: web.Request) -> web.Response:
    """Return how far a named subscriber has read."""
    workspace, name = request[WORKSPACE], request.match_info["name"]
    known = (await workspace.host.storage.store.cursors()).get(cursor_name(workspace.name, name))
    if known is None:
        return failure(404, "CursorNotFound", f"No such cursor: {name!r:.200}")
    return documents.answer(Position(position=known.position))


async def put(request: web.Request) -> web.Response:
    """Keep how far a named subscriber has read, for whenever it goes on."""
    workspace, store = request[WORKSPACE], request[WORKSPACE].host.storage.store
    name = cursor_name(workspace.name, request.match_info["name"])
    known = await store.cursors()
    if name not in known and sum(other.startswith(cursor_name(workspace.name, "")) for other in known) >= CURSORS_MAX:
        raise QuotaExceeded(f"{workspace.name!r} keeps {CURSORS_MAX:,} cursors")
    await store.cursors([Cursor(name, request[BODY].position, workspace.now())])
    return documents.answer(request[BODY])
