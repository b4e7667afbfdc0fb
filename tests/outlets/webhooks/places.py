"""Servers at this machine's own addresses that count who comes, and name servers that lie."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

from aiohttp import web

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Place:
    """What listens: how many connections came, and what they sent."""

    def __init__(self, answer):
        self.answer = answer
        self.connections = 0
        self.requests = []
        self.written = 0
        self.gone = asyncio.Event()
        """The last one who came has left."""
        self.port = 0

    def url(self, path="/", host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}{path}"

    async def meet(self, reader, writer):
        self.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):  # which is how clients leave
                while True:
                    self.requests.append(await _request(reader))
                    await self.answer(self, reader, writer)
        finally:
            writer.close()
            self.gone.set()


async def _request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].partition(b":")[2]) if lengths else 0)


def saying(answer):
    """An endpoint that says the same to every request."""

    async def say(place, reader, writer):
        writer.write(answer)
        await writer.drain()

    return say


@asynccontextmanager
async def listening(answer, *, hosts=("127.0.0.1",), context=None):
    """Have a raw server listen; whoever is still connected in the end is cut off."""
    place = Place(answer)
    tasks = set()

    async def meet(reader, writer):
        tasks.add(asyncio.current_task())
        await place.meet(reader, writer)

    servers = []
    try:
        for host in hosts:
            servers.append(await asyncio.start_server(meet, host, place.port, ssl=context))
            place.port = servers[0].sockets[0].getsockname()[1]
        yield place
    finally:
        for server in servers:
            server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def serving(handler, context=None):
    """Have an application of aiohttp listen; yield its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def own_addresses():
    """Loopback addresses of this machine, of IPv6 only where it has it."""
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            return ("127.0.0.1",)
    return ("127.0.0.1", "::1")


def naming(*answers):
    """A name server that gives these lists of addresses one after another, and the last again and again."""
    left = list(answers)

    async def lookup(host, port):
        lookup.asked.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    lookup.asked = []
    return lookup
