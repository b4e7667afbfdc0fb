"""Sessions: opened, looked at, and closed."""

from __future__ import annotations

from aiohttp import web
from msgspec.structs import asdict

from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY
from kyanite.http.service import WORKSPACE


async def open_one(request: web.Request) -> web.Response:
    """Open a session: 201 for a new one, 200 for the one that there is under this `session_id`, as it is."""
    workspace = request[WORKSPACE]
    since = workspace.now()
    details = await workspace.open_session(**asdict(request[BODY]))
    status = 201 if details.creation_time >= since else 200
    return documents.answer(documents.session(details), status, {"Location": f"/v1/sessions/{details.id}"})


async def get(request: web.Request) -> web.Response:
    """Return a session as it stands now."""
    details = await request[WORKSPACE].get_session(request.match_info["session_id"])
    return documents.answer(documents.session(details))


async def close(request: web.Request) -> web.Response:
    """Have a session take no more jobs; those that it has go on."""
    details = await request[WORKSPACE].close_session(request.match_info["session_id"])
    return documents.answer(documents.session(details))
