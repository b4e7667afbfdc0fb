"""The log read from its beginning to where it ends now, past what is missing or can not be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from kyanite.core.events import Event
from kyanite.errors import KyaniteError, StoreCorrupt
from kyanite.ports import JobStore

PAGE = 4_096
STEP = 16
"""How much faster a page shrinks to find an event that can not be read than by halves."""

Told = Callable[[str, int], None]
"""Takes what is wrong in words, and the position."""


async def pages(store: JobStore, head: int, *, missing: Told, unreadable: Told) -> AsyncIterator[list[Event]]:
    """Yield the events up to position `head`, some thousands at a time. Raises `StoreUnavailable`."""
    after, limit = 0, PAGE
    while after < head:
        try:
            page = [event for event in await store.events(after, limit) if event.position <= head]
        except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
            only_unreadable(error)
            if limit == 1:
                after += 1
                unreadable(f"an event can not be read: {error}", after)
            limit = max(1, limit // STEP)
            continue
        limit = min(PAGE, limit * STEP)
        for first, last in _gaps(after, [event.position for event in page] or [head + 1]):
            span = "it is" if first == last else f"it and all up to {last} are"
            missing(f"{span} missing from the log", first)
        if not page:
            return
        after = page[-1].position
        yield page


def _gaps(after: int, positions: list[int]) -> Iterator[tuple[int, int]]:
    for position in positions:
        if position != after + 1:
            yield after + 1, position - 1
        after = position


def only_unreadable(error: Exception) -> None:
    """Raise an error again unless it is about something stored that can not be read."""
    if isinstance(error, KyaniteError) and not isinstance(error, StoreCorrupt):
        raise error
