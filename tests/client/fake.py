"""A daemon that answers as a test has it answer, at an address that it keeps while it is away."""

import asyncio
import socket
from contextlib import asynccontextmanager

import anyio
import msgspec
from aiohttp import web

from kyanite.client.connection import Around, Connection
from kyanite.client.session import session_with
from kyanite.core.backoff import Backoff
from kyanite.core.events import encode_event
from kyanite.runtime.system import SystemClock, SystemEntropy

QUICKLY = Backoff(first_s=0.001, most_s=0.01)
"""Instead of the pauses that people's daemons are given."""


class Fake:
    """Each path has a list of answers, of which the last is given again and again; `seen` is what was asked."""

    def __init__(self):
        self.answers = {}
        self.seen = []
        self.asked = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._runner = None

    def on(self, method, path, *answers):
        self.answers[method, path] = list(answers)

    async def start(self):
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self):
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request):
        self.seen.append(request)
        self.asked.set()
        answers = self.answers.get((request.method, request.raw_path.partition("?")[0]))
        if not answers:
            return problem(404, "NotFound", "there is nothing at this path")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await answer(request)


def json(document, status=200, **headers):
    """An answer that is this document."""
    return raw(msgspec.json.encode(document), status, **{"Content-Type": "application/json"} | headers)


def raw(body, status=200, **headers):
    """An answer that is these bytes."""

    async def answer(request):
        await request.read()
        return web.Response(
            body=body, status=status, headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    return answer


def problem(status, code, detail, **headers):
    """A problem as daemons tell it."""
    document = {"type": f"urn:kyanite:problem:{code.lower()}", "status": status, "code": code, "detail": detail}
    body = msgspec.json.encode(document | {name: headers.pop(name) for name in ("field",) if name in headers})
    return web.Response(
        body=body,
        status=status,
        content_type="application/problem+json",
        headers={name.replace("_", "-"): headers[name] for name in headers},
    )


def refused(status, code, detail, **headers):
    """An answer that is a problem."""

    async def answer(request):
        await request.read()
        return problem(status, code, detail, **headers)

    return answer


async def gone(request):
    """No answer: the connection is cut."""
    request.transport.abort()
    return web.Response()


async def silent(request):
    """No answer, ever."""
    await asyncio.Event().wait()


def streamed(*pieces, end="cut", **headers):
    """An event stream of these pieces, which is then cut off, ended properly, or left open."""

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **headers})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        if end == "open":
            await asyncio.Event().wait()
        if end == "cut":
            request.transport.abort()
        return response

    return answer


def ready(position):
    """How a stream begins."""
    return b'retry: 1000\n\nid: %d\nevent: Ready\ndata: {"position":%d}\n\n' % (position, position)


def told(event):
    """An event as streams tell it."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, type(event).__name__.encode(), encode_event(event))


@asynccontextmanager
async def fake():
    """A daemon that has started."""
    daemon = Fake()
    await daemon.start()
    try:
        yield daemon
    finally:
        with anyio.CancelScope(shield=True):
            await daemon.stop()


@asynccontextmanager
async def connection(address, *, api_key=None, workspace=None, authority=None, trace=lambda: None, patience_s=5.0):
    """A connection to an address."""
    around = Around(SystemClock(), SystemEntropy(), trace, patience_s)
    async with session_with(address, api_key, workspace, authority) as session:
        opened = Connection(address, session, around)
        try:
            yield opened
        finally:
            opened.close()


@asynccontextmanager
async def faked(**options):
    """A daemon, and a connection to it."""
    async with fake() as daemon, connection(daemon.address, **options) as opened:
        yield daemon, opened
