"""Sessions: opened, closed and looked at."""

from __future__ import annotations

from aiohttp import web

from kyanite.http.azure import bodies, wire
from kyanite.http.azure.answers import answer
from kyanite.http.service import WORKSPACE


async def put(request: web.Request) -> web.Response:
    """PUT `sessions/{id}`: 201 for a new session, 200 for one that exists."""
    workspace = request[WORKSPACE]
    body = bodies.read(await request.read(), bodies.SessionBody)
    arguments = bodies.opening(body, request.match_info["id"])
    since = workspace.now()
    details = await workspace.open_session(**arguments)
    return answer(wire.session(details), 201 if details.creation_time >= since else 200)


async def close(request: web.Request) -> web.Response:
    """POST `sessions/{id}:close`."""
    return answer(wire.session(await request[WORKSPACE].close_session(request.match_info["id"])))


async def get(request: web.Request) -> web.Response:
    """GET `sessions/{id}`."""
    return answer(wire.session(await request[WORKSPACE].get_session(request.match_info["id"])))
