"""Live events: the log of a workspace, or of one job, as a stream that a client may leave and take up again.

A stream is its request's handler and no other task. As long as the client keeps up, the feed's rounds write what is new
straight to its connection; the handler sleeps. It wakes to read up in the log, or to wait for a client that does not
take what was written; nothing is kept for that client meanwhile but its position.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
from aiohttp import HttpVersion11, web

from kyanite.core.events import FINAL_EVENTS, Event
from kyanite.errors import InvalidRequest, WorkspaceClosed
from kyanite.http.connection import Connection
from kyanite.http.native import filters, frames
from kyanite.http.native.filters import Filter
from kyanite.http.native.parameters import QUERY
from kyanite.http.service import SERVICE, STANDS, WORKSPACE
from kyanite.runtime.backlog import Page
from kyanite.runtime.feed import Feed
from kyanite.runtime.stretch import Entry, Stretch

LAST_EVENT_ID = "Last-Event-ID"
HEADERS = {
    "Content-Type": frames.CONTENT_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold back what is to be seen at once
}
UNSENT_BYTES_MAX = 16 << 10
"""What may wait in the process for a client that does not read; beside it there is one turn's worth."""
TURN_BYTES = 32 << 10
"""About how much is written at a time."""
LOOK_AGAIN_S = 0.25
_POSITION = re.compile("[0-9]{1,18}", re.ASCII)


async def events(request: web.Request) -> web.StreamResponse:
    """Tell what happens in the workspace as it happens, from the present on or behind a position in the log."""
    workspace = request[WORKSPACE]
    feed = workspace.host.engine.feed
    wanted = filters.wanted(request[QUERY])
    after = await _resumed(request, feed.present)
    return await _streamed(request, Stream(feed, workspace.name, wanted, after, follows=request[QUERY].follow))


async def job_events(request: web.Request) -> web.StreamResponse:
    """Tell what happens to a job, from its first event to its final one, with which the stream ends.

    A client that has seen that one already, as its `Last-Event-ID` says, is told by 204 not to come again.
    """
    workspace, job_id = request[WORKSPACE], request.match_info["job_id"]
    feed = workspace.host.engine.feed
    wanted = filters.wanted(request[QUERY])
    after = await _resumed(request, 0)
    ended_at = await feed.backlog.ended_at((workspace.name, job_id))
    over = ended_at is not None and after >= ended_at
    if over and request.headers.get(LAST_EVENT_ID):
        return web.Response(status=204)
    stream = Stream(feed, workspace.name, wanted, after, job_id)
    stream.over = over
    return await _streamed(request, stream)


async def end_streams(app: web.Application) -> None:
    """End every stream at once; none would end by itself. For the application's `on_shutdown`."""
    with suppress(WorkspaceClosed):  # with which they have ended
        app[SERVICE].workspace.host.engine.feed.close()


async def _resumed(request: web.Request, otherwise: int) -> int:
    """Return the position behind which to go on. A client that connects again says so in a header."""
    feed, last = request[WORKSPACE].host.engine.feed, request.headers.get(LAST_EVENT_ID)
    after: int | None = request[QUERY].after
    if last:
        if not _POSITION.fullmatch(last):
            raise InvalidRequest(LAST_EVENT_ID, f"is {last[:40]!r}, not a position in the log")
        after = int(last)
    if after is None:
        return otherwise
    # Beyond the end, it would miss what fills the log up to there.
    return after if after <= feed.present else min(after, await feed.backlog.head())


async def _streamed(request: web.Request, stream: Stream) -> web.StreamResponse:
    workspace, response = request[WORKSPACE], web.StreamResponse(headers=HEADERS)
    stream.stands = request.get(STANDS, stream.stands)
    # The client has gone, or was let go: nobody reads what the application would say.
    with workspace.host.engine.quotas.of(workspace.name).stream(), suppress(ConnectionError):
        await stream.run(request, response)
    return response


class Stream:
    """One client's: what it wants, how far it is, and the connection. See `kyanite.runtime.stretch.Reader`."""

    __slots__ = (
        *("_asleep", "_chunked", "_feed", "_filter", "_job_id", "_protocol", "_reading", "_stretch", "_version"),
        *("_follows", "_workspace", "over", "position", "stands"),
    )

    _protocol: web.RequestHandler
    _stretch: Stretch

    def __init__(
        self, feed: Feed, workspace: str, wanted: Filter, position: int, job_id: str = "", *, follows: bool = True
    ) -> None:
        """Begin behind a position; of a job, end with its final event, and unless it follows, where the log ends."""
        self.position = position
        self.over = False
        self._workspace = workspace
        self._feed = feed
        self._filter = wanted
        self._job_id = job_id
        self._follows = follows
        self._version = 0
        """Up to which the job's own events have been read."""
        self.stands: Callable[[], bool] = lambda: True
        """Whether the client's key is still good."""
        self._asleep: asyncio.Future[None] | None = None
        self._reading: anyio.CancelScope | None = None
        self._chunked = True

    async def run(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tell until there is no more to tell. Raises `ConnectionError` when the client has gone."""
        protocol = self._protocol = request.protocol
        self._chunked = request.version >= HttpVersion11
        with self._feed.reading(self, self._workspace, self._job_id) as self._stretch:
            await response.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(UNSENT_BYTES_MAX)
            if isinstance(protocol, Connection):
                protocol.when_lost = self._wake
            try:
                await response.write(frames.opening(self.position))
                while not self.over:
                    if protocol.transport is None:
                        raise ConnectionResetError
                    if protocol.writing_paused:
                        await request.writer.drain()
                    else:
                        await self._step()
            finally:
                if isinstance(protocol, Connection):
                    protocol.when_lost = None

    async def _step(self) -> None:
        """Write what there is, or wait for it."""
        entries = self._stretch.since(self.position)
        if entries is None:
            await self._read_up()
        elif not self._write(entries, self._feed.position):
            await asyncio.sleep(0)
        elif self.over or self._protocol.writing_paused:
            return
        elif not self._follows:
            self._send(frames.end(self.position))
            self.over = True
        else:
            self._asleep = asyncio.get_running_loop().create_future()
            try:
                await self._asleep
            finally:
                self._asleep = None

    async def _read_up(self) -> None:
        """Write a turn's worth of what the log has; the rest is read again when the client has taken that."""
        page = None
        with anyio.CancelScope() as self._reading:
            page = await self._page()
        self._reading = None
        if page is None or self.over:
            return
        stood = (self.position, self._version)
        self._write(page.entries, page.upto)
        if stood == (self.position, self._version):  # the log is read where what was announced is not visible yet
            await anyio.sleep(LOOK_AGAIN_S)

    async def _page(self) -> Page:
        backlog = self._feed.backlog
        if self._job_id:
            page = await backlog.story((self._workspace, self._job_id), self._version, self._feed.position)
        else:
            page = await backlog.page(self._workspace, self.position)
        if self._filter.by_label:
            await backlog.label(entry for entry in page.entries if self._filter.may_want(entry))
        return page

    def _write(self, entries: Sequence[Entry[Event]], upto: int) -> bool:
        """Write of these events what is wanted, up to a turn's worth; tell whether that was all."""
        chosen: list[bytes] = []
        size = 0
        for entry in entries:
            event = entry.event
            self._version = event.version
            if event.position <= self.position:
                continue
            self.position = event.position
            if self._filter.wants(entry):
                chosen.append(entry.frame)
                size += len(entry.frame)
            if self._job_id and isinstance(event, FINAL_EVENTS):
                self.over = True
                break
            if size >= TURN_BYTES:
                break
        else:
            self.position = max(self.position, upto)
        self._send(b"".join(chosen))
        return size < TURN_BYTES

    def _send(self, content: bytes) -> None:
        transport = self._protocol.transport
        if content and transport is not None:
            transport.write(frames.chunk(content) if self._chunked else content)

    # What the feed calls ----------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Write what is new, or wake the handler if that takes more."""
        if self._asleep is not None and not self._told():
            self._wake()

    def beat(self) -> None:
        """Write a comment, unless the client has yet to take what was written before; end if its key was revoked."""
        if self._protocol.transport is None:
            self._wake()
        elif not self.stands():
            self.close()
        elif self._asleep is not None and not self._protocol.writing_paused:
            self._send(frames.BEAT)

    def close(self) -> None:
        """End, also where the client does not read."""
        self.over = True
        if self._reading is not None:
            self._reading.cancel()
        transport = self._protocol.transport
        if transport is not None and self._protocol.writing_paused:
            transport.abort()
        self._wake()

    def _told(self) -> bool:
        if self._protocol.transport is None or self._protocol.writing_paused:
            return False
        entries = self._stretch.since(self.position)
        if entries is None or not self._write(entries, self._feed.position) or self.over:
            return False
        if self._stretch.telling:
            self._send(b"".join(entry.frame for entry in self._stretch.telling.values() if self._filter.wants(entry)))
        return True

    def _wake(self) -> None:
        if self._asleep is not None and not self._asleep.done():
            self._asleep.set_result(None)
