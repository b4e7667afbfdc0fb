"""Many requests at once: over HTTP to a process, or as calls of a workspace in this one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from kyanite import Job, Workspace
from kyanite.core.job import Status
from tests.bench.echo import TARGET, many, payload, settings, with_echo
from tests.bench.http.client import LABELS, Client, connected
from tests.bench.http.processes import Child
from tests.bench.table import percentile

CONNECTIONS = (1, 16, 128)


class Run(NamedTuple):
    """What was done at once: seconds by the wall, of each one, of the server's processor; and polls, if any."""

    wall_s: float
    taken_s: list[float]
    server_s: float = 0.0
    polls: int = 0

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.taken_s) / self.wall_s

    def percentile_ms(self, percent: float) -> float:
        """Return the percentile of the times, in milliseconds."""
        return percentile(self.taken_s, percent) * 1e3


def median_of(runs: Sequence[Run]) -> Run:
    """Return the run whose rate is the median."""
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


async def timed(times: int, in_flight: int, one: Callable[[], Awaitable[int]]) -> Run:
    """Await `one()` so many times, `in_flight` at a time; it returns how many polls it took."""
    taken_s: list[float] = []
    polls: list[int] = []

    async def each(_: int) -> None:
        start = time.perf_counter()
        polls.append(await one())
        taken_s.append(time.perf_counter() - start)

    start = time.perf_counter()
    await many(times, in_flight, each)
    return Run(time.perf_counter() - start, taken_s, polls=sum(polls))


async def requested(server: Child, connections: int, times: int, one: Callable[[Client], Awaitable[int]]) -> Run:
    """Do something so many times over so many connections, each used once before."""
    async with connected(server.address, connections) as client:
        await timed(connections, connections, lambda: one(client))
        before_s = server.cpu_s()
        run = await timed(times, connections, lambda: one(client))
        return run._replace(server_s=server.cpu_s() - before_s)


async def embedded(folder: Path, in_flight: int, times: int, *, wait: bool) -> Run:
    """Submit the same jobs to a workspace in this process; with `wait`, take the time until each is final."""
    jobs: list[Job] = []
    async with with_echo(Workspace.open(settings(folder))) as workspace:
        uri = (await workspace.submit(TARGET, payload(0))).details.input_data_uri

        async def one() -> int:
            job = await workspace.submit(TARGET, input_data_uri=uri, **LABELS)
            jobs.append(await job.wait() if wait else job)
            return 0

        await timed(in_flight, in_flight, one)
        run = await timed(times, in_flight, one)
        for job in jobs:
            if (await job.wait()).details.status is not Status.SUCCEEDED:
                raise RuntimeError(job)
    return run
