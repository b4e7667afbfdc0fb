"""Listings: jobs and sessions, and what happened to one job, each page by page; and how many jobs there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from kyanite.http.native import documents
from kyanite.http.native.bodies import checked
from kyanite.http.native.paging import cursor_of, identity, key_of
from kyanite.http.native.parameters import QUERY, filters_of
from kyanite.http.service import WORKSPACE
from kyanite.ports import SortKey, sort_key

T = TypeVar("T")


async def jobs(request: web.Request) -> web.Response:
    """List jobs."""
    asked = request[QUERY]
    size = asked.limit + 1  # one more than fits tells whether there is a next page
    found = request[WORKSPACE].list_jobs(limit=size, page_size=size, after=_begin(request), **filters_of(asked))
    rows = [job.details async for job in found]
    return page(request, rows, documents.job, lambda row: sort_key(row, asked.order))


async def sessions(request: web.Request) -> web.Response:
    """List sessions, the oldest first unless told otherwise."""
    asked = request[QUERY]
    found = request[WORKSPACE].list_sessions(limit=asked.limit + 1, after=_begin(request), **filters_of(asked))
    rows = [session async for session in found]
    return page(request, rows, documents.session, lambda row: sort_key(row, "creation_time"))


async def counts(request: web.Request) -> web.Response:
    """Count jobs: those that the filters mean, or those of each status, target, provider or name."""
    asked = request[QUERY]
    found = await request[WORKSPACE].count_jobs(asked.by, **filters_of(asked))
    return documents.answer({"count": found} if asked.by is None else {"counts": found})


async def story(request: web.Request) -> web.Response:
    """List what happened to a job, event by event, from its first on."""
    told = await request[WORKSPACE].story(request.match_info["job_id"])
    read = behind(request) or (0,)
    events = [event for event in told if (event.version,) > read]
    return page(request, events, lambda event: event, lambda event: (event.version,))


def behind(request: web.Request) -> SortKey | None:
    """Return the sort key of the last item that the client has, if it sent a cursor. Raises `InvalidRequest`."""
    cursor = request[QUERY].cursor
    return None if cursor is None else key_of(cursor, _listing(request))


def page(
    request: web.Request, items: Sequence[T], document: Callable[[T], Any], key: Callable[[T], SortKey]
) -> web.Response:
    """Return the first items as a page, with a cursor if there are more of them than the client wants."""
    shown = items[: request[QUERY].limit]
    following = cursor_of(key(shown[-1]), _listing(request)) if len(items) > len(shown) else None
    return documents.answer({"items": [document(item) for item in shown], "next": following})


def _begin(request: web.Request) -> Any:
    """Return where a listing of what has a sort key begins, if it is not at its start."""
    place = request[QUERY].after
    if request[QUERY].cursor is not None or place is None:
        return behind(request)
    return checked(lambda: msgspec.json.decode(place), "after")


def _listing(request: web.Request) -> str:
    return identity(request[WORKSPACE].name, request.path, request[QUERY])
