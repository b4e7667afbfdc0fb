"""A receiver of webhooks on loopback, which keeps what it is sent and answers as a test wants."""

import asyncio
import inspect
import json
from collections import deque
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from standardwebhooks import Webhook

from kyanite.config import DeliverySettings

PATIENCE_S = 15.0
LOOPBACK = DeliverySettings(plain_http=True, allow=("127.0.0.1",), delays_s=(0.05,) * 20, timeout_s=5.0)
"""Lets webhooks lead to this machine, and repeats soon."""


class Message(NamedTuple):
    """What was received."""

    headers: dict
    body: bytes
    path: str

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def said(self):
        return json.loads(self.body)

    @property
    def job(self):
        return self.said["data"]["job"]["id"]

    def verified(self, secret):
        """What it says, which the published library must find to be signed with this secret."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """What has come so far; `statuses` answers the next ones, and after those `status` the others."""

    def __init__(self):
        self.messages = []
        self.statuses = deque()
        self.status = 204
        self.held = asyncio.Event()
        self.held.set()
        self.address = ""
        self._news = asyncio.Condition()

    @property
    def url(self):
        return f"{self.address}/hook/canary-path?key=canary-query"

    @property
    def jobs(self):
        return [message.job for message in self.messages]

    async def _take(self, request):
        self.messages.append(Message(dict(request.headers.items()), await request.read(), request.path_qs))
        self.messages[-1].headers.update({name.lower(): value for name, value in request.headers.items()})
        async with self._news:
            self._news.notify_all()
        await self.held.wait()
        return web.Response(status=self.statuses.popleft() if self.statuses else self.status, text="canary-answer")

    async def until(self, count):
        """The messages, once there are so many."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.messages) >= count)
        return self.messages


@asynccontextmanager
async def receiving():
    """A receiver that listens."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{rest:.*}", receiver._take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.address = "http://{}:{}".format(*site._server.sockets[0].getsockname())
        yield receiver
    finally:
        receiver.held.set()
        await runner.cleanup()


async def soon(condition):
    """Return what the condition returns, or what that awaits, once it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if found := await found if inspect.isawaitable(found) else found:
                return found
            await asyncio.sleep(0.01)
