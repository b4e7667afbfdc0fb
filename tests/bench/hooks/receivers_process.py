"""Receivers of webhooks in one process: `python -m tests.bench.hooks.receivers_process`.

Says on stdout where it takes commands (see `Receivers`), the port to which messages are posted, and one at which nobody
listens. What becomes of a message, its path says: `/well/...` answers 200, `/hang/...` never answers, and `/flaky/...`
fails with 30 % of them, half before they are heard and half after. It is written without HTTP libraries, since it
shares the machine with what it measures.
"""

from __future__ import annotations

import asyncio
import random
import re
import signal
import socket
import time
from array import array
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from tests.bench.hooks.control import obeying
from tests.bench.table import percentile

FAILING = 0.3
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
_HEAD = re.compile(rb"POST (\S+) HTTP/1.1\r\n.*?\r\nwebhook-id: (\S+)\r\n.*?\r\n\r\n", re.DOTALL | re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)


class _Job(msgspec.Struct):
    id: str


class _Told(msgspec.Struct):
    job: _Job
    version: int


class _Message(msgspec.Struct):
    timestamp: datetime
    data: _Told


_decoder = msgspec.json.Decoder(_Message)


class Endpoint:
    """What one path was sent."""

    def __init__(self, path: str) -> None:
        """Nothing was, yet."""
        self.path = path
        self.heard: dict[str, None] = {}
        """Ids of messages, in the order in which they were heard first."""
        self.repeated = 0
        """Messages that were heard before."""
        self.asked = 0
        """Messages that were heard, and then refused: each is to be repeated."""
        self.refused = 0
        """Messages that were refused and not heard."""
        self.disordered = 0
        """Messages heard for the first time after a later one of the same job."""
        self._versions: dict[str, int] = {}
        self._chance = random.Random(path)

    def answer(self, message_id: str, body: bytes) -> bytes:
        """Hear a message, or not; return the answer, which is empty where the connection is to be closed instead."""
        chance = self._chance.random() if self.path.startswith("/flaky/") else 1.0
        if chance < FAILING / 2:
            self.refused += 1
            return BUSY
        self._hear(message_id, body)
        if chance < FAILING:
            self.asked += 1
            return BROKEN if chance < FAILING * 3 / 4 else b""
        return OK

    def _hear(self, message_id: str, body: bytes) -> None:
        if message_id in self.heard:
            self.repeated += 1
            return
        self.heard[message_id] = None
        data = _decoder.decode(body).data
        if self._versions.get(data.job.id, 0) > data.version:
            self.disordered += 1
        self._versions[data.job.id] = data.version


class Receivers:
    """All paths, and when messages came. Its methods are commands, and return what fits into JSON."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.endpoints: dict[str, Endpoint] = {}
        self.taken = 0
        """Messages that were answered with 200."""
        self.bytes = 0
        """How long their bodies were, in all."""
        self.first_s = self.last_s = 0.0
        """When the first and the last message came."""
        self.late_s = array("d")
        """How long after its event each message came."""
        self._wanted: list[tuple[int, asyncio.Event]] = []

    def receive(self, path: str, message_id: str, body: bytes) -> bytes | None:
        """Return the answer to a message, `None` for none at all."""
        if path.startswith("/hang/"):
            return None
        now_s = time.time()
        self.first_s = self.first_s or now_s
        self.last_s = now_s
        endpoint = self.endpoints.get(path) or self.endpoints.setdefault(path, Endpoint(path))
        answer = endpoint.answer(message_id, body)
        if answer is OK:
            self.late_s.append(now_s - _decoder.decode(body).timestamp.timestamp())
            self.taken += 1
            self.bytes += len(body)
            for wanted, reached in self._wanted:
                if self.taken >= wanted:
                    reached.set()
        return answer

    async def reset(self) -> None:
        """Forget what has come."""
        self.endpoints.clear()
        self.taken = self.bytes = 0
        self.first_s = self.last_s = 0.0
        self.late_s = array("d")

    async def until(self, messages: int, within_s: float) -> dict[str, float]:
        """Wait until so many were taken, at most so long; return how many were, their bytes, the first and the last
        time.
        """
        reached = asyncio.Event()
        if self.taken >= messages:
            reached.set()
        self._wanted.append((messages, reached))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await reached.wait()
        self._wanted.remove((messages, reached))
        return {"taken": self.taken, "bytes": self.bytes, "first_s": self.first_s, "last_s": self.last_s}

    async def late(self) -> list[float]:
        """Return the median, the 99th percentile and the most of the seconds from event to message."""
        return [percentile(self.late_s, percent) for percent in (50, 99, 100)]

    async def heard(self, path: str) -> dict[str, Any]:
        """Return what a path has heard."""
        endpoint = self.endpoints.get(path) or Endpoint(path)
        counts = {name: getattr(endpoint, name) for name in ("repeated", "asked", "refused", "disordered")}
        return {"messages": list(endpoint.heard), **counts}


class Connection(asyncio.Protocol):
    """One connection, which sends one message after another."""

    _transport: asyncio.Transport

    def __init__(self, receivers: Receivers) -> None:
        """Nothing was received."""
        self._receivers = receivers
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self._rest += data
        while (head := _HEAD.match(self._rest)) and (length := _LENGTH.search(head[0])):
            end = head.end() + int(length[1])
            if len(self._rest) < end:
                return
            body, self._rest = self._rest[head.end() : end], self._rest[end:]
            answer = self._receivers.receive(head[1].decode(), head[2].decode(), body)
            if answer:
                self._transport.write(answer)
            elif answer is not None:
                self._transport.close()


async def run() -> None:
    """Listen until SIGTERM."""
    receivers = Receivers()
    actions = {name: getattr(receivers, name) for name in ("reset", "until", "late", "heard")}
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = await loop.create_server(lambda: Connection(receivers), "127.0.0.1", 0, backlog=2_048)
        async with server, obeying(actions) as control:
            print(control, server.sockets[0].getsockname()[1], nobody.getsockname()[1], flush=True)
            await ended.wait()


if __name__ == "__main__":
    asyncio.run(run())
