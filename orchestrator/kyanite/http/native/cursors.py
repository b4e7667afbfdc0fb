"""Cursors: how far named subscribers of clients have read the log, kept beside those of this process."""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import asdict

from kyanite.core.letters import Attempt, Letter
from kyanite.errors import QuotaExceeded
from kyanite.http.answers import failure
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY, Position, SubscriberProgress
from kyanite.http.service import WORKSPACE
from kyanite.ports import Cursor, Settlement
from kyanite.runtime.subscriptions import checked_name, cursor_name

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
    """Keep how far a named subscriber has read and what it has not taken, for whenever it goes on."""
    workspace, store = request[WORKSPACE], request[WORKSPACE].host.storage.store
    body: SubscriberProgress = request[BODY]
    name = cursor_name(workspace.name, checked_name(request.match_info["name"]))
    known = await store.cursors()
    if name not in known and sum(other.startswith(cursor_name(workspace.name, "")) for other in known) >= CURSORS_MAX:
        raise QuotaExceeded(f"{workspace.name!r} keeps {CURSORS_MAX:,} cursors")
    own = {"subscriber": name, "workspace": workspace.name}
    await store.settle(
        Settlement(
            cursors=(Cursor(name, body.position, workspace.now()),),
            letters=tuple(Letter(**{**asdict(each), **own}) for each in body.letters),
            taken=tuple((name, position) for position in body.taken),
            attempts=tuple(Attempt(**{**asdict(each), **own}) for each in body.attempts),
        )
    )
    return documents.answer(Position(position=body.position))
