"""Listings: jobs, sessions, the jobs of a session, and the two kinds among one another."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from kyanite.core.job import JobDetails
from kyanite.http.azure import jobs, paging, wire
from kyanite.http.azure.answers import answer
from kyanite.http.azure.listing import Item, Listing, page
from kyanite.http.azure.query import ItemType, selection_of
from kyanite.http.service import SERVICE, WORKSPACE

_JOBS = frozenset({ItemType.JOB})
_SESSIONS = frozenset({ItemType.SESSION})


async def list_jobs(request: web.Request) -> web.Response:
    """GET `jobs`."""
    return await _listed(request, _JOBS)


async def list_sessions(request: web.Request) -> web.Response:
    """GET `sessions`."""
    return await _listed(request, _SESSIONS)


async def list_session_jobs(request: web.Request) -> web.Response:
    """GET `sessions/{id}/jobs`."""
    session = await request[WORKSPACE].get_session(request.match_info["id"])
    return await _listed(request, _JOBS, session.id)


async def list_top_level(request: web.Request) -> web.Response:
    """GET `topLevelItems`: sessions, and the jobs outside any."""
    return await _listed(request, _JOBS | _SESSIONS, "")


async def _listed(request: web.Request, kinds: frozenset[ItemType], session_id: str | None = None) -> web.Response:
    service, parameters = request.app[SERVICE], request.query
    filter_text, orderby = parameters.get("filter", ""), parameters.get("orderby", "")
    listing = Listing(selection=selection_of(filter_text, orderby), kinds=kinds, session_id=session_id)
    identity = f"{request.path}\n{filter_text}\n{orderby}"
    token, size = parameters.get(paging.TOKEN), paging.page_size(parameters)
    after = None if token is None else paging.position_of(token, identity)
    skip = 0 if after is not None else paging.skip(parameters)
    items, last = await page(request[WORKSPACE], listing, after, skip, size)
    link = None
    if last is not None:
        address = service.address(request)
        link = paging.next_link(address, request.rel_url.raw_path, parameters, paging.token_of(last, identity))
    return answer({"value": [_document(request, item) for item in items], "nextLink": link})


def _document(request: web.Request, item: Item) -> dict[str, Any]:
    return jobs.document(request, item) if isinstance(item, JobDetails) else wire.session(item)
