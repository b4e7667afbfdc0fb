"""Live events: one told to very many streams, what an idle stream costs, and all of them coming back at once."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.http.client import Client, connected
from tests.bench.http.daemon_process import HELD
from tests.bench.http.processes import Child, child
from tests.bench.http.streams_process import PROBE
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid, percentile

STREAMS = ((5_000, 1, 50), (10_000, 2, 100))
"""How many streams, from how many client processes; and how many a quick run opens."""
PROCESS = ("-m", "tests.bench.http.streams_process")
LAST_S_MAX = 0.5
STALL_S_MAX = 0.02
STREAM_BYTES_MAX = 25_000
MISSED = 20
"""Events that happen while nobody is connected."""
SETTLE_S = 2.0
ANSWER_WITHIN_S = 120.0


class Crowd:
    """One process of readers, told what to do."""

    def __init__(self, process: Child) -> None:
        """Connect to where it takes commands."""
        host, _, port = process.address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.settimeout(ANSWER_WITHIN_S)
        self._lines = self._socket.makefile("rb")

    def tell(self, *command: Any) -> None:
        """Give a command."""
        self._socket.sendall(json.dumps(command).encode() + b"\n")

    def answer(self) -> Any:
        """Return the answer to the first command that was not answered yet."""
        return json.loads(self._lines.readline())

    def close(self) -> None:
        """Let the process end."""
        self._lines.close()
        self._socket.close()


class Place:
    """A daemon, crowds of readers, and a job whose every change of name is one event for all of them."""

    def __init__(self, daemon: Child, folder: Path, crowds: Sequence[Crowd]) -> None:
        """Begin with a job that executes."""
        self.daemon = daemon
        self.crowds = crowds
        self.position = 0
        self._folder = folder

    def ask(self, *command: Any) -> list[Any]:
        """Give all crowds a command, and return their answers."""
        for crowd in self.crowds:
            crowd.tell(*command)
        return [crowd.answer() for crowd in self.crowds]

    def open(self, streams: int) -> float:
        """Open streams, as many in each crowd; return the seconds until the last has begun."""
        return max(self.ask("open", streams // len(self.crowds)))

    def stalls_s(self) -> tuple[float, float]:
        """Return the daemon's longest stalls since this was asked last, by the wall and of the processor."""
        port = int((self._folder / PROBE).read_text(encoding="ascii"))
        with socket.create_connection(("127.0.0.1", port)) as probe:
            late_s, busy_s = json.loads(probe.makefile().read())
            return late_s, busy_s

    async def begin(self, client: Client) -> str:
        """Have a job that executes until it is cancelled: so far, it has had two events."""
        await client.upload()
        job_id = client.new_id()
        await client.put(job_id, HELD)
        while json.loads(await client.get(job_id))["status"] != "Executing":  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
        self.position = 2
        return job_id

    async def happen(self, client: Client, job_id: str) -> float:
        """Have one event happen, and return when it was asked for."""
        self.position += 1
        start = time.monotonic()
        await client.rename(job_id, str(self.position))
        return start


@contextmanager
def place(scale: Scale, crowds: int) -> Iterator[Place]:
    """Yield a daemon without jobs, and as many processes of readers."""
    with ExitStack() as stack:
        folder = stack.enter_context(scale.folder())
        daemon = stack.enter_context(child(*PROCESS, str(folder)))
        if not scale.quick:
            daemon.settle()
        host, _, port = daemon.address.removeprefix("http://").rpartition(":")
        found = []
        for _ in range(crowds):
            process = Child("-m", "tests.bench.http.readers_process", host, port)
            stack.callback(process.kill)
            found.append(Crowd(process))
            stack.callback(found[-1].close)
        yield Place(daemon, folder, found)


def streams(scale: Scale) -> Grid:
    """Live events: one event told to all streams."""
    columns = (
        *(
            "client processes",
            "streams",
            "opened, s",
            "to half of all, p50, ms",
            "to the last, p50, ms",
            "p99, ms",
            "max, ms",
        ),
        *("longest stall, ms", "CPU, ms", "daemon, us CPU a stream told", "a stream, idle, bytes"),
    )
    rows = [asyncio.run(_told(scale, *chosen)) for chosen in STREAMS]
    notes = [
        (
            "Readers are in other processes; times are from the request that changes a job, over its commit, until "
            "they have read the event, which all readers of a process do one after another."
        ),
        (
            "A stall is how late a timer of the daemon's loop was, due every millisecond, while events were told; "
            "beside it, the most processor time that the loop took from one tick to the next."
        ),
        (
            f"Wanted: {LAST_S_MAX * 1e3:.0f} ms to the last in 99 of 100, a stall of {STALL_S_MAX * 1e3:.0f} ms, and "
            f"{STREAM_BYTES_MAX / 1e3:.0f} kB a stream."
        ),
    ]
    return Grid(columns, rows, notes)


async def _told(scale: Scale, count: int, processes: int, quick: int) -> tuple[Cell, ...]:
    count, events = scale.of(count, quick), scale.of(100, 5)
    halves_s: list[float] = []
    lasts_s: list[float] = []
    with place(scale, processes) as there:
        async with connected(there.daemon.address, 1) as client:
            job_id = await there.begin(client)
            resident = there.daemon.resident_bytes()
            opened_s = there.open(count)
            await asyncio.sleep(scale.of(1, 0) * SETTLE_S)
            each = (there.daemon.resident_bytes() - resident) / count
            there.stalls_s()
            spent_s = there.daemon.cpu_s()
            for _ in range(events):
                start = await there.happen(client, job_id)
                told = there.ask("await", there.position)
                halves_s.append(max(times["median"] for times in told) - start)
                lasts_s.append(max(times["last"] for times in told) - start)
            spent_s = there.daemon.cpu_s() - spent_s
            stall_s, busy_s = there.stalls_s()
            _check(there.ask("faults"))
            await client.cancel(job_id)
    return (
        *(f"from {processes}", count, opened_s, percentile(halves_s, 50) * 1e3),
        *(percentile(lasts_s, percent) * 1e3 for percent in (50, 99, 100)),
        *(stall_s * 1e3, busy_s * 1e3, spent_s / events / count * 1e6, each),
    )


def storm(scale: Scale) -> Grid:
    """Live events: all streams break off and come back at once."""
    columns = (
        "client processes",
        "streams",
        "missed each",
        "all back, s",
        "all have the newest, s",
        "longest stall, ms",
        "CPU, ms",
        "lost",
        "doubled",
    )
    rows = [asyncio.run(_stormed(scale, *chosen)) for chosen in STREAMS]
    notes = [
        (
            f"All connections are reset at once; {MISSED} events happen meanwhile; then all connect with their "
            "`Last-Event-ID`, of each process 256 at a time."
        )
    ]
    return Grid(columns, rows, notes)


async def _stormed(scale: Scale, count: int, processes: int, quick: int) -> tuple[Cell, ...]:
    count = scale.of(count, quick)
    with place(scale, processes) as there:
        async with connected(there.daemon.address, 1) as client:
            job_id = await there.begin(client)
            there.open(count)
            backs_s, caught_up_s, stalls_s = [], [], []
            for _ in range(scale.of(5, 1)):
                there.ask("drop")
                for _ in range(MISSED):
                    await there.happen(client, job_id)
                there.stalls_s()
                start = time.monotonic()
                backs_s.append(max(there.ask("resume")))
                told = there.ask("await", there.position)
                caught_up_s.append(max(times["last"] for times in told) - start)
                stalls_s.append(there.stalls_s())
            lost, doubled = map(sum, zip(*there.ask("faults"), strict=True))
            await client.cancel(job_id)
    worst_ms = [max(times) * 1e3 for times in zip(*stalls_s, strict=True)]
    return (f"from {processes}", count, MISSED, max(backs_s), max(caught_up_s), *worst_ms, lost, doubled)


def _check(faults: list[list[int]]) -> None:
    if any(map(any, faults)):
        raise RuntimeError("lost, doubled", faults)
