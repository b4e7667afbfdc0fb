"""Submits while very many readers of live events do not read."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from tests.bench.http.client import Client, connected
from tests.bench.http.load import Run, median_of, requested
from tests.bench.http.processes import Child, child
from tests.bench.http.streams import PROCESS
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

READERS = 100
CONNECTIONS = 16
FILL_JOBS = 400
FILL_BYTES = 60_000
"""Jobs and how much each one's first event says: more than the kernel takes for a reader that does not read."""
QUIET_S = 0.3
SETTLED_WITHIN_S = 60.0
MIB = 1 << 20


def stalled(scale: Scale) -> Grid:
    """Submits beside streams that nobody reads."""
    columns = ("streams", "jobs/s", "p50, ms", "p99, ms", "p99 to without", "daemon, MiB before", "after")
    with scale.folder() as folder, child(*PROCESS, str(folder)) as daemon:
        if not scale.quick:
            daemon.settle()
        rows = asyncio.run(_measured(scale, daemon))
    notes = [
        (
            f"Over {CONNECTIONS} connections; the median of several turns, with and without in turn. Before they "
            f"take nothing more, the readers are sent what the kernel will hold of {FILL_JOBS} events of "
            f"{FILL_BYTES / 1e3:.0f} kB."
        )
    ]
    return Grid(columns, rows, notes)


async def _measured(scale: Scale, daemon: Child) -> list[tuple[Cell, ...]]:
    times, readers = scale.of(3_000, 32), scale.of(READERS, 5)
    async with connected(daemon.address, CONNECTIONS) as client:
        await client.upload()
        for _ in range(scale.of(FILL_JOBS, 20)):
            await client.put(client.new_id(), metadata={"text": "x" * FILL_BYTES})
    await requested(daemon, CONNECTIONS, times, _submit)
    without: list[tuple[Run, float, float]] = []
    beside: list[tuple[Run, float, float]] = []
    for _ in range(scale.of(5, 1)):
        without.append(await _turn(daemon, times))
        with _not_reading(daemon, readers):
            await asyncio.to_thread(_settle, daemon)
            beside.append(await _turn(daemon, times))
    return [_row("none", without, without), _row(f"all {readers} unread", beside, without)]


async def _turn(daemon: Child, times: int) -> tuple[Run, float, float]:
    before = daemon.resident_bytes()
    run = await requested(daemon, CONNECTIONS, times, _submit)
    return run, before, daemon.resident_bytes()


async def _submit(client: Client) -> int:
    await client.put(client.new_id())
    return 0


def _row(name: str, turns: list[tuple[Run, float, float]], plain: list[tuple[Run, float, float]]) -> tuple[Cell, ...]:
    run = median_of([turn[0] for turn in turns])
    slowest_ms, plain_ms = (median(turn[0].percentile_ms(99) for turn in chosen) for chosen in (turns, plain))
    return (
        *(name, run.rate, run.percentile_ms(50), slowest_ms, slowest_ms / plain_ms),
        *(turns[-1][1] / MIB, turns[-1][2] / MIB),
    )


@contextmanager
def _not_reading(daemon: Child, readers: int) -> Iterator[None]:
    """Have so many streams from the first event on, of which nobody takes anything in."""
    host, _, port = daemon.address.removeprefix("http://").rpartition(":")
    with ExitStack() as stack:
        for _ in range(readers):
            reader = stack.enter_context(socket.create_connection((host, int(port))))
            reader.sendall(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        yield


def _settle(daemon: Child) -> None:
    """Return once the daemon has nothing to do: all that can be sent was sent."""
    deadline, spent_s = time.monotonic() + SETTLED_WITHIN_S, -1.0
    while (now_s := daemon.cpu_s()) > spent_s + QUIET_S / 10 and time.monotonic() < deadline:
        spent_s = now_s
        time.sleep(QUIET_S)
