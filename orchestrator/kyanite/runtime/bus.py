"""Events out of the log: whoever reads has a cursor of their own, so a slow one falls behind and catches up.

The journal's announcement only wakes readers; what they get, they read from the store. Nothing can therefore be lost
between a commit and its announcement, and no reader's pace touches the core. Progress is the exception: it is never
stored, and each watcher sees the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeAlias

import anyio
from msgspec.structs import replace

from kyanite.core.events import Event, Progressed
from kyanite.core.job import JobDetails
from kyanite.errors import WorkspaceClosed
from kyanite.ports import JobStore
from kyanite.runtime.records import Address, Change

Watcher: TypeAlias = Callable[[Progressed | None], None]

PAGE = 512
RECENT_MAX = 1_024
"""How many of the newest events are kept for those who follow the log, who then need not read them from the store."""
POLL_S = 0.25
"""How often a reader without a journal in its process looks for news."""


class Bus:
    """Wakes readers of the log, and passes progress on."""

    def __init__(self, store: JobStore) -> None:
        """Read from this store."""
        self.polls = False
        """Whether the log grows in another process, so that nobody will wake us."""
        self.position = 0
        """The newest position announced."""
        self.overseers: list[Callable[[Progressed], None]] = []
        """Called with the progress of every job."""
        self._store = store
        self._sleeping: list[asyncio.Future[None]] = []
        self._followers = 0
        self._recent: list[Event] = []
        """The newest events, without a gap, past the position `_base`; only while somebody follows."""
        self._base = 0
        self._rows: dict[Address, JobDetails] = {}
        """The rows after them."""
        self._finals: dict[Address, list[asyncio.Future[JobDetails]]] = {}
        self._watchers: dict[Address, list[Watcher]] = {}
        self._newest: dict[Address, Progressed] = {}
        self._timers: dict[asyncio.Future[JobDetails], asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def announce(self, change: Change) -> None:
        """Take note of a committed change; the journal's listener."""
        if self._followers:
            self._keep(change)
        # After a failure, one may be announced later than its successors.
        self.position = max(self.position, change.position)
        if self._sleeping:
            sleeping, self._sleeping = self._sleeping, []
            for reader in sleeping:
                if not reader.done():
                    reader.set_result(None)
        after = change.after
        address = (after.workspace, after.id)
        if address in self._watchers:
            for watcher in self._watchers[address]:
                watcher(None)
        if after.final:
            self._newest.pop(address, None)
            for waiter in self._finals.pop(address, ()):
                if not waiter.done():
                    waiter.set_result(after)

    def close(self) -> None:
        """End every follower: nothing more will come."""
        self._closed = True
        for reader in self._sleeping:
            if not reader.done():
                reader.set_result(None)
        for waiters in self._finals.values():
            for waiter in waiters:
                _fail(waiter, WorkspaceClosed("it closed before the job ended"))

    def row(self, address: Address) -> JobDetails | None:
        """Return the newest row of a job that one of the newest events is about, if somebody follows the log."""
        return self._rows.get(address)

    async def follow(self, after: int, *, forever: bool = True) -> AsyncGenerator[Event]:
        """Yield the log from position `after` on: to its end, or on and on until `close`."""
        caught_up = False
        with self._following():
            while True:
                # Taken before reading, so that what is committed while the page is read is not slept through.
                news = self._loop.create_future()
                self._sleeping.append(news)
                try:
                    page = self._kept_since(after) if caught_up else None
                    if page is None:
                        page = await self._store.events(after, PAGE)
                        caught_up = forever and not self.polls and len(page) < PAGE
                    for event in page:
                        yield event
                        after = event.position
                    if len(page) >= PAGE:
                        await asyncio.sleep(0)  # a store that answers at once lets others have their turn, too
                        continue
                    if not forever or (self._closed and after >= self.position):
                        return
                    # Closed with more announced: it was committed while an older page was being read.
                    if not self._closed:
                        await (anyio.sleep(POLL_S) if self.polls else news)
                finally:
                    if not news.done():
                        news.cancel()
                        self._sleeping = [reader for reader in self._sleeping if reader is not news]

    @contextmanager
    def _following(self) -> Iterator[None]:
        if not self._followers:
            self._base = self.position
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._recent.clear()
                self._rows.clear()

    def _kept_since(self, after: int) -> list[Event] | None:
        """Return the events past a position; `None` if they do not reach back so far."""
        return self._recent[after - self._base :] if after >= self._base else None

    def _keep(self, change: Change) -> None:
        first = change.position - len(change.events) + 1
        known = self._base + len(self._recent)
        if first <= known:
            return  # announced late, after a failure: it lies in the gap behind which they begin
        if first > known + 1:
            self._recent.clear()
            self._base = first - 1
        self._recent += [replace(event, position=position) for position, event in enumerate(change.events, first)]
        address = (change.after.workspace, change.after.id)
        self._rows.pop(address, None)
        self._rows[address] = change.after
        if len(self._recent) > RECENT_MAX:
            dropped = len(self._recent) // 2
            self._base += dropped
            del self._recent[:dropped]
        if len(self._rows) > RECENT_MAX:
            for old in list(islice(self._rows, RECENT_MAX // 2)):
                del self._rows[old]

    def expect_final(self, address: Address, timeout_s: float | None) -> asyncio.Future[JobDetails]:
        """Return what resolves to the job's row when it ends, or fails with `TimeoutError`; to be forgotten after use.

        A bare future and timer: a cancel scope would cost as much as all the rest of a wait, and every job is waited
        for.
        """
        waiter: asyncio.Future[JobDetails] = self._loop.create_future()
        if self._closed:
            _fail(waiter, WorkspaceClosed("it closed before the job ended"))
        self._finals.setdefault(address, []).append(waiter)
        if timeout_s is not None:
            self._timers[waiter] = self._loop.call_later(timeout_s, _time_out, waiter)
        return waiter

    def forget_final(self, address: Address, waiter: asyncio.Future[JobDetails]) -> None:
        """Take back a waiter."""
        timer = self._timers.pop(waiter, None)
        if timer is not None:
            timer.cancel()
        waiters = self._finals.get(address)
        if waiters is not None:
            waiters.remove(waiter)
            if not waiters:
                del self._finals[address]
        if not waiter.cancel() and not waiter.cancelled():
            waiter.exception()  # looked at, or asyncio would complain that nobody has

    def progressed(self, progress: Progressed) -> None:
        """Pass progress on to whoever watches the job."""
        address = (progress.workspace, progress.job_id)
        self._newest[address] = progress
        for watcher in self._watchers.get(address, ()):
            watcher(progress)
        for overseer in self.overseers:
            overseer(progress)

    def newest(self, address: Address) -> Progressed | None:
        """Return the newest progress of an executing job."""
        return self._newest.get(address)

    @contextmanager
    def watching(self, address: Address, watcher: Watcher) -> Iterator[None]:
        """Have `watcher` called with each progress of the job, and with `None` after each change of its row."""
        self._watchers.setdefault(address, []).append(watcher)
        try:
            yield
        finally:
            self._watchers[address].remove(watcher)
            if not self._watchers[address]:
                del self._watchers[address]


def _time_out(waiter: asyncio.Future[JobDetails]) -> None:
    _fail(waiter, TimeoutError())


def _fail(waiter: asyncio.Future[JobDetails], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)
