"""The named subscribers of the workspace: how each stands, what it has not taken, and what it is offered anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from aiohttp import web

from kyanite.core.letters import Attempt, Letter
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY
from kyanite.http.native.listing import behind, page
from kyanite.http.native.parameters import QUERY
from kyanite.http.service import WORKSPACE
from kyanite.ports import JobStore, SortKey
from kyanite.runtime.subscriptions import cursor_name

T = TypeVar("T")

NUMBER_MAX = (1 << 63) - 1


async def list_all(request: web.Request) -> web.Response:
    """List every named subscriber and how it stands, by name."""
    read = behind(request) or ("",)
    found = [each for each in await request[WORKSPACE].deliveries.subscribers() if (each.name,) > read]
    return page(request, found, lambda standing: standing, lambda standing: (standing.name,))


async def letters(request: web.Request) -> web.Response:
    """List the events that a subscriber, or each of them, has not taken: by name, and then in the order of the log."""
    store, dead = await _settled(request), request[QUERY].dead

    async def read(name: str, after: int, limit: int) -> list[Letter]:
        return await store.letters(name, after=after, limit=limit, dead=dead)

    names = [] if _one(request) else await store.tally_letters(request[WORKSPACE].name)
    found = await _gathered(request, names, 0, read)
    return page(request, found, documents.letter, lambda letter: (letter.subscriber, letter.position))


async def attempts(request: web.Request) -> web.Response:
    """List the newest attempts to deliver to a subscriber, or to each of them: by name, and then the newest first."""
    store = await _settled(request)

    async def read(name: str, before: int, limit: int) -> list[tuple[int, Attempt]]:
        return await store.attempts(name, before=before, limit=limit)

    start = cursor_name(request[WORKSPACE].name, "")
    names = [] if _one(request) else [name for name in await store.cursors() if name.startswith(start)]
    found = await _gathered(request, names, NUMBER_MAX, read)
    return page(request, found, lambda each: documents.attempt(each[1]), lambda each: (each[1].subscriber, each[0]))


async def replay(request: web.Request) -> web.Response:
    """Offer events to a subscriber anew: at once if it is delivered to, or else when it will be."""
    asked = request[BODY]
    count = await request[WORKSPACE].deliveries.replay(
        asked.subscriber, positions=asked.positions, dead=asked.dead, after=asked.after, until=asked.until
    )
    return documents.answer(documents.Replayed(count))


async def _settled(request: web.Request) -> JobStore:
    """Return the store, once it holds what deliveries have come to, unless that can not be stored now."""
    host = request[WORKSPACE].host
    await host.engine.subscriptions.ledger.settled()
    return host.storage.store


def _one(request: web.Request) -> list[str]:
    """Return the one subscriber that is asked for, if it is one."""
    name = request[QUERY].subscriber
    return [] if name is None else [cursor_name(request[WORKSPACE].name, name)]


async def _gathered(
    request: web.Request, names: Iterable[str], start: int, read: Callable[[str, int, int], Awaitable[Sequence[T]]]
) -> list[T]:
    """Return what fits on the page that is asked for, and one more if there is one, of one subscriber after another."""
    begin: SortKey = behind(request) or ("", start)
    found: list[T] = []
    for name in _one(request) or sorted(names):
        missing = request[QUERY].limit + 1 - len(found)
        if name >= str(begin[0]) and missing > 0:
            found += await read(name, int(begin[1]) if name == begin[0] else start, missing)
    return found
