"""Very many readers of live events in one process: `python -m tests.bench.http.readers_process HOST PORT`.

Says on stdout where it takes commands, one JSON array a line, each answered by a line: `["open", n]` opens streams from
the present on; `["await", p]` waits until the event at position `p` has reached all, and returns when, by the system's
monotonic clock; `["drop"]` resets all connections at once, and `["resume"]` opens as many with what each has seen last;
`["faults"]` returns how many events were lost or doubled. It is written without HTTP libraries, since it shares the
machine with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from array import array
from typing import Any

from tests.bench.table import percentile

_FRAME = re.compile(rb"id: ([0-9]+)\nevent: ([A-Za-z]+)\ndata: [^\n]*\n\n")
OPENING_AT_ONCE = 256


class Readers:
    """All streams of the process, and when each event reached them."""

    def __init__(self, host: str, port: int) -> None:
        """Connect to this daemon."""
        self.host, self.port = host, port
        self.streams: list[Stream] = []
        self.lost = 0
        self.doubled = 0
        self.arrivals: dict[int, array[float]] = {}
        self.ready = 0
        self._news = asyncio.Event()

    def begun(self) -> None:
        """Count one more stream that has said where it begins."""
        self.ready += 1
        self._news.set()

    def arrived(self, position: int) -> None:
        """Take the time of an event's arrival at one of the streams."""
        times = self.arrivals.setdefault(position, array("d"))
        times.append(time.monotonic())
        if len(times) >= len(self.streams):
            self._news.set()

    async def open(self, count: int) -> float:
        """Open so many more; return how long that took until the last has begun."""
        return await self._connected([Stream(self) for _ in range(count)])

    async def drop(self) -> None:
        """Reset every connection."""
        for stream in self.streams:
            stream.transport.abort()

    async def resume(self) -> float:
        """Connect all of them again; return how long that took until the last has begun."""
        return await self._connected(self.streams)

    async def _connected(self, streams: list[Stream]) -> float:
        start = time.monotonic()
        self.ready = 0
        self.streams = [*self.streams, *(stream for stream in streams if not stream.position)]
        limit = asyncio.Semaphore(OPENING_AT_ONCE)
        loop = asyncio.get_running_loop()

        async def connect(stream: Stream) -> None:
            async with limit:
                await loop.create_connection(lambda: stream, self.host, self.port)

        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(connect(stream))
        await self._until(lambda: self.ready >= len(streams))
        return time.monotonic() - start

    async def reached(self, position: int) -> dict[str, float]:
        """Return when an event reached the median stream, and the last one."""
        await self._until(lambda: len(self.arrivals.get(position, ())) >= len(self.streams))
        times = self.arrivals.pop(position)
        return {"median": percentile(times, 50), "last": max(times)}

    async def _until(self, condition: Any) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()


class Stream(asyncio.Protocol):
    """One stream: the position of the last event, after which the next one is to be the next."""

    __slots__ = ("_readers", "_rest", "position", "transport")

    transport: asyncio.Transport

    def __init__(self, readers: Readers) -> None:
        """Nothing is open yet."""
        self._readers = readers
        self._rest = b""
        self.position = 0

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        self._rest = b""
        last = f"Last-Event-ID: {self.position}\r\n" if self.position else ""
        transport.write(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Read the frames that are whole."""
        content = self._rest + data if self._rest else data
        end = 0
        for frame in _FRAME.finditer(content):
            end = frame.end()
            self._take(int(frame[1]), frame[2])
        self._rest = content[end:]

    def _take(self, position: int, kind: bytes) -> None:
        if kind == b"Ready":
            if self.position and position != self.position:
                self._readers.lost += 1
            self.position = position
            self._readers.begun()
            return
        self._readers.lost += max(0, position - self.position - 1)
        if position <= self.position:
            self._readers.doubled += 1
        else:
            self.position = position
            self._readers.arrived(position)


async def run(host: str, port: int) -> None:
    """Do what is asked, until whoever asks has gone."""
    readers = Readers(host, port)
    done = asyncio.Event()
    actions = {"open": readers.open, "await": readers.reached, "drop": readers.drop, "resume": readers.resume}

    async def obey(commands: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        while line := await commands.readline():
            name, *arguments = json.loads(line)
            if name == "faults":
                answer: Any = [readers.lost, readers.doubled]
            else:
                answer = await actions[name](*arguments)
            answers.write(json.dumps(answer).encode() + b"\n")
        answers.close()
        done.set()

    async with await asyncio.start_server(obey, "127.0.0.1", 0) as server:
        print("{}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await done.wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
