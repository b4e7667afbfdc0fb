"""What happens to one job, as it happens: its events from the log, and progress in between."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio

from kyanite.core.events import FINAL_EVENTS, Event, Progressed
from kyanite.ports import JobStore
from kyanite.runtime.bus import POLL_S, Bus
from kyanite.runtime.records import Address

PAGE = 512


async def updates(bus: Bus, store: JobStore, address: Address) -> AsyncIterator[Event | Progressed]:
    """Yield until the job's final event. A slow reader gets every event, but only the newest progress."""
    newest: list[Progressed] = []
    news = anyio.Event()

    def watcher(progress: Progressed | None) -> None:
        if progress is not None:
            newest[:] = [progress]
        news.set()

    version = 0
    with bus.watching(address, watcher):
        while True:
            news = anyio.Event()
            for event in await store.events(version, PAGE, address):
                yield event
                version = event.version
                if isinstance(event, FINAL_EVENTS):
                    return
            if newest:
                yield newest.pop()
            with anyio.move_on_after(POLL_S if bus.polls else None):
                await news.wait()
