"""Clients of live events: what they read, over a connection of the test's own or over a real one."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, closing
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import aiohttp
from aiohttp import HttpVersion10, web

from kyanite.http import daemon, native
from kyanite.http.access import RULES
from kyanite.http.application import answered
from kyanite.http.gateway import Signer
from kyanite.http.keys import Keys
from kyanite.http.service import SERVICE, WORKSPACE, Service, State

PATIENCE_S = 20.0


def read(content):
    """The whole frames in what has come so far, without comments: fields by name, `data` as what it says."""
    frames = []
    for text in content.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in text.split("\n") if not line.startswith(":"))
        if "data" in fields:
            fields.pop("retry", None)
            frames.append({**fields, "data": json.loads(fields["data"])})
    return frames


class Socket:
    """Protocol, transport, writer and response in one: a client that takes bytes only while it is not stalled."""

    def __init__(self):
        self.request = SimpleNamespace(protocol=self, version=HttpVersion10, transport=self, writer=self)
        self.response = SimpleNamespace(prepare=self._prepare, write=self._opened)
        self.transport = self
        self.writing_paused = False
        self.taken = b""
        self.unsent = b""
        self.unsent_most = 0
        self._stalled = False
        self._drained = asyncio.Event()

    async def _prepare(self, request):
        await asyncio.sleep(0)

    async def _opened(self, content):
        self.write(content)

    def set_write_buffer_limits(self, high):
        self._high = high

    def write(self, content):
        if self.transport is None:
            raise ConnectionResetError
        assert not self.writing_paused, "written to a client that does not read"
        self.unsent += content
        if not self._stalled:
            self.flush(len(self.unsent))
        self.unsent_most = max(self.unsent_most, len(self.unsent))
        self.writing_paused = len(self.unsent) > self._high

    async def drain(self):
        while self.writing_paused:
            self._drained.clear()
            await self._drained.wait()
            if self.transport is None:
                raise ConnectionResetError

    def stall(self):
        self._stalled = True

    def go_on(self):
        self._stalled = False
        self.flush(len(self.unsent))

    def flush(self, size):
        """Take some bytes, though stalled."""
        self.taken, self.unsent = self.taken + self.unsent[:size], self.unsent[size:]
        self.writing_paused = self.writing_paused and bool(self.unsent)
        self._drained.set()

    def lose(self):
        self.transport = None
        self._drained.set()

    abort = lose


class Live:
    """A stream of a daemon, as far as it has been read."""

    def __init__(self, response):
        self.response = response
        self.content = b""
        self.ended = False

    @property
    def frames(self):
        return read(self.content)

    def seen(self):
        """The types of the events, without `Ready`."""
        return [frame["event"] for frame in self.frames[1:]]

    async def until(self, condition):
        """Read on until it holds of this; return this."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                assert not self.ended, self.frames
                chunk = await self.response.content.readany()
                self.content += chunk
                self.ended = not chunk and self.response.content.at_eof()
        return self

    async def end(self):
        """Read on to the end of the stream; return the types of all events."""
        await self.until(lambda stream: stream.ended)
        return self.seen()


@asynccontextmanager
async def streaming(address, path="/v1/events", last=None, **options):
    """A stream that has told where it begins."""
    headers = {**options.pop("headers", {}), **({} if last is None else {"Last-Event-ID": str(last)})}
    async with (
        aiohttp.ClientSession() as session,
        session.get(address + path, headers=headers, **options) as response,
    ):
        assert response.status == 200, await response.text()
        yield await Live(response).until(lambda stream: stream.frames)


@asynccontextmanager
async def listening(*workspaces):
    """The address of a daemon that tells of these open workspaces; a header chooses among them, or it is the first."""
    first, named = workspaces[0], {workspace.name: workspace for workspace in workspaces}

    @web.middleware
    async def choose(request, handler):
        request[WORKSPACE] = named[request.headers.get("Kyanite-Workspace", first.name)]
        return await handler(request)

    with TemporaryDirectory() as folder:
        app = web.Application(middlewares=[answered, choose])
        app[SERVICE] = service = Service(first, first.settings, Signer(b"secret" * 8), State())
        app[RULES] = {}
        native.add_routes(app, service, Keys(folder))
    with closing(daemon.bound("127.0.0.1:0")) as listener:
        async with daemon._answering(app, listener, None):
            yield "http://{}:{}".format(*listener.getsockname())
