"""How many events a second reach webhooks, and how late each one is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec

from tests.bench.echo import many
from tests.bench.hooks.control import Control
from tests.bench.hooks.place import Hooks, Receivers, jobs, receiving, served
from tests.bench.http.processes import Child
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

DELIVERIES = (10_000, 200)
"""How many a full run and a quick one make in each case."""
ENDPOINTS = ((1, 1), (100, 5))
RATES = ((100, 300), (300, 1_500), (1_000, 5_000))
"""Jobs a second, and how many of them."""
QUICK_JOBS = 30
FOLLOWED_S = 1.2
"""Within this, a daemon follows what another process has changed in the file of webhooks."""


class Run(NamedTuple):
    """How many were delivered, in which time, and what the daemon spent meanwhile."""

    deliveries: int
    wall_s: float
    server_s: float

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.deliveries / self.wall_s

    @property
    def each_us(self) -> float:
        """Processor time of the daemon, in microseconds."""
        return self.server_s / self.deliveries * 1e6


def rates(scale: Scale) -> Grid:
    """Deliveries a second, of events that wait and of events that happen meanwhile."""
    rows: list[tuple[Cell, ...]] = []
    with receiving() as receivers:
        for endpoints in (scale.of(*pair) for pair in ENDPOINTS):
            with scale.folder() as folder:
                live, backlog, size = _of(scale, folder, receivers, endpoints)
            bare = asyncio.run(_bare(receivers, scale.of(*DELIVERIES), 16 * min(endpoints, 8), size))
            for case, run in (("waiting", backlog), ("happening", live)):
                rows.append((endpoints, case, run.deliveries, run.rate, run.each_us, bare, run.rate / bare))
    columns = ("endpoints", "events", "deliveries", "deliveries/s", "daemon, us CPU each", "bare posts/s", "to bare")
    note = (
        "Every endpoint hears the end of each job; all are paths of one process, which answers 200 at once. Waiting: "
        "the webhooks go on after a pause, the jobs have ended. Happening: no-op jobs, 512 of them in flight, from "
        "within the daemon; its time includes them. Bare: aiohttp posts bodies as long to the same receivers, "
        "unsigned, from a process that does nothing else."
    )
    return Grid(columns, rows, [note])


def _of(scale: Scale, folder: Path, receivers: Receivers, endpoints: int) -> tuple[Run, Run, int]:
    """Return the two runs, and how long a body is."""
    names = [f"endpoint-{number}" for number in range(endpoints)]
    hooks, times = Hooks(folder), max(1, scale.of(*DELIVERIES) // endpoints)
    for name in names:
        hooks.add(name, f"{receivers.url}/well/{name}")
    with served(folder) as (daemon, control):
        _happening(daemon, control, receivers, 1, endpoints)  # connections are open
        live = _happening(daemon, control, receivers, times, endpoints)
        for name in names:
            hooks.state(name, "paused")
        time.sleep(FOLLOWED_S)
        receivers.reset()
        jobs(control, times)
        before_s = daemon.cpu_s()
        for name in names:
            hooks.state(name, "active")
        told = receivers.until(times * endpoints)
        server_s = daemon.cpu_s() - before_s
    backlog = Run(times * endpoints, told["last_s"] - told["first_s"], server_s)
    return live, backlog, round(told["bytes"] / told["taken"])


def _happening(daemon: Child, control: Control, receivers: Receivers, times: int, endpoints: int) -> Run:
    receivers.reset()
    before_s, start_s = daemon.cpu_s(), time.time()
    jobs(control, times)
    told = receivers.until(times * endpoints)
    return Run(times * endpoints, told["last_s"] - start_s, daemon.cpu_s() - before_s)


async def _bare(receivers: Receivers, times: int, at_once: int, size: int) -> float:
    """Return how many posts a second aiohttp makes when nothing else is to be done."""
    said = {"timestamp": datetime.now(UTC), "data": {"job": {"id": "job", "filling": ""}, "version": 3}}
    said["data"]["job"]["filling"] = "x" * (size - len(msgspec.json.encode(said)))  # type: ignore[index]
    body = msgspec.json.encode(said)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def post(number: int) -> None:
            headers = {"webhook-id": f"msg_{number}", "content-type": "application/json"}
            async with session.post(f"{receivers.url}/well/bare", data=body, headers=headers) as answer:
                await answer.read()

        await many(at_once, at_once, post)
        start = time.perf_counter()
        await many(times, at_once, post)
        return times / (time.perf_counter() - start)


def latency(scale: Scale) -> Grid:
    """From the final event to its delivery."""
    rows: list[tuple[Cell, ...]] = []
    with receiving() as receivers, scale.folder() as folder:
        Hooks(folder).add("endpoint", f"{receivers.url}/well/endpoint")
        with served(folder) as (daemon, control):
            jobs(control, 100)
            receivers.until(100)
            for rate, times in RATES:
                receivers.reset()
                before_s = daemon.cpu_s()
                number = scale.of(times, QUICK_JOBS)
                told = jobs(control, number, rate=rate)
                receivers.until(number)
                busy = (daemon.cpu_s() - before_s) / told["wall_s"] * 100
                rows.append((rate, number / told["wall_s"], *receivers.late_ms(), busy))
    columns = ("jobs/s, asked for", "had", "p50, ms", "p99, ms", "max, ms", "daemon, % of a core")
    note = (
        "One endpoint, which hears the end of each no-op job. From the time that the event bears, which is before it "
        "is stored, to the arrival of the message; both read one clock. Jobs come from within the daemon."
    )
    return Grid(columns, rows, [note])
