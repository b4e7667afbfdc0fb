"""Reading what a store lists, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from kyanite.core.job import JobDetails
from kyanite.core.session import Session
from kyanite.ports import JobQuery, SessionQuery, sort_key

Q = TypeVar("Q", JobQuery, SessionQuery)
Row = TypeVar("Row", bound=JobDetails | Session)


async def pages(
    fetch: Callable[[Q], Awaitable[list[Row]]], query: Q, order: str, limit: int | None
) -> AsyncIterator[list[Row]]:
    """Yield what the query means, at most `limit` rows, a page at a time, as the caller goes on."""
    left = limit
    while left is None or left > 0:
        page = await fetch(query)
        yield page[:left]
        if len(page) < query.limit:
            return
        left = None if left is None else left - len(page)
        query = replace(query, after=sort_key(page[-1], order))
