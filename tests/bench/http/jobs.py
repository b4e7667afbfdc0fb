"""No-op jobs over HTTP, beside the same jobs in an embedded workspace and a bare route of aiohttp, in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.bench.echo import many
from tests.bench.http.client import Client, connected
from tests.bench.http.daemon_process import HELD
from tests.bench.http.load import CONNECTIONS, Run, embedded, median_of, requested
from tests.bench.http.processes import Child, child
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

TIMES = {1: (500, 8), 16: (2_000, 32), 128: (4_000, 128)}
"""By connections: how many jobs or requests a full run and a quick one take."""

_SAME = (
    "The client is another process, with as many kept connections as jobs in flight; the input of all is one blob. "
    "Embedded: the same jobs, as many in flight, in the client's process without HTTP. Bare: an aiohttp route in a "
    "third process that stores nothing; its answers are as long as ours. The median of several turns each."
)


class Servers(NamedTuple):
    """The daemon, which has ended one job already, and the bare route."""

    daemon: Child
    bare: Child
    ended: str


def jobs(scale: Scale) -> Grid:
    """No-op jobs over HTTP, from submit to final."""
    note = "Final is what the client sees: it asks again as soon as it is answered; the bare route says so at once."
    return _of_jobs(scale, note, wait=True)


def submits(scale: Scale) -> Grid:
    """No-op jobs over HTTP, acknowledged: durable, and executed meanwhile."""
    return _of_jobs(scale, "Afterwards every job is asked for, and has succeeded.", wait=False)


def polls(scale: Scale) -> Grid:
    """Jobs asked for over HTTP."""
    with servers(scale) as there:
        rows = asyncio.run(_polled(scale, there))
    columns = (
        *("the job", "connections", "polls/s", "p50, ms", "p99, ms", "daemon, us CPU a poll"),
        *("bare, polls/s", "p50, ms", "bare, us CPU a poll", "ours to bare"),
    )
    return Grid(columns, rows, ["The client is another process; the bare route's answers are as long as ours."])


@contextmanager
def servers(scale: Scale) -> Iterator[Servers]:
    """Yield the daemon, and a bare route that answers as much as it."""
    with scale.folder() as folder, child("-m", "tests.bench.http.daemon_process", str(folder)) as daemon:
        if not scale.quick:
            daemon.settle()
        ended, sizes = asyncio.run(_answer_sizes(daemon))
        with child("-m", "tests.bench.http.bare_process", *map(str, sizes)) as bare:
            yield Servers(daemon, bare, ended)


async def _answer_sizes(daemon: Child) -> tuple[str, tuple[int, int]]:
    """Upload the input of all jobs, and return the id of an ended one, and how long the answers are about it."""
    async with connected(daemon.address, 1) as client:
        await client.upload()
        job_id = client.new_id()
        created = len(await client.put(job_id))
        await client.until_final(job_id)
        return job_id, (created, len(await client.get(job_id)))


def _of_jobs(scale: Scale, note: str, *, wait: bool) -> Grid:
    columns = (
        *("connections", "jobs/s", "p50, ms", "p99, ms", "polls a job", "daemon, us CPU a job"),
        *("embedded, jobs/s", "p50, ms", "ours to embedded", "bare, jobs/s", "p50, ms", "ours to bare"),
    )
    rows: list[tuple[Cell, ...]] = []
    with servers(scale) as there:
        for connections in CONNECTIONS:
            times = scale.of(*TIMES[connections])
            ours, inside, bare = _in_turn(scale, there, connections, times, wait=wait)
            cells: list[Cell] = [connections, ours.rate, ours.percentile_ms(50), ours.percentile_ms(99)]
            cells += [ours.polls / times, ours.server_s / times * 1e6]
            for peer in (inside, bare):
                cells += [peer.rate, peer.percentile_ms(50), ours.rate / peer.rate]
            rows.append(tuple(cells))
    return Grid(columns, rows, [_SAME, note])


def _in_turn(scale: Scale, there: Servers, connections: int, times: int, *, wait: bool) -> list[Run]:
    """Return the median run of the daemon, of a workspace here, and of the bare route."""
    ours, inside, bare = [], [], []
    for _ in range(scale.of(3, 1)):
        ours.append(asyncio.run(_submitted(there.daemon, connections, times, wait=wait)))
        with scale.folder() as folder:
            inside.append(asyncio.run(embedded(folder, connections, times, wait=wait)))
        bare.append(asyncio.run(_submitted(there.bare, connections, times, wait=wait)))
    return [median_of(runs) for runs in (ours, inside, bare)]


async def _submitted(server: Child, connections: int, times: int, *, wait: bool) -> Run:
    job_ids: list[str] = []

    async def one(client: Client) -> int:
        job_id = client.new_id()
        await client.put(job_id)
        job_ids.append(job_id)
        return await client.until_final(job_id) if wait else 0

    run = await requested(server, connections, times, one)
    async with connected(server.address, connections) as client:
        await many(len(job_ids), connections, lambda number: client.ended(job_ids[number]))
    return run


async def _polled(scale: Scale, there: Servers) -> list[tuple[Cell, ...]]:
    rows = []
    async with connected(there.daemon.address, 1) as client:
        held = client.new_id()
        await client.put(held, HELD)
        for kind, job_id in (("executes", held), ("has ended", there.ended)):
            rows += [await _polled_over(scale, there, kind, job_id, connections) for connections in CONNECTIONS]
        await client.cancel(held)
    return rows


async def _polled_over(scale: Scale, there: Servers, kind: str, job_id: str, connections: int) -> tuple[Cell, ...]:
    times = scale.of(*TIMES[connections])

    async def one(client: Client) -> int:
        await client.get(job_id)
        return 1

    ours, bare = [], []
    for _ in range(scale.of(3, 1)):
        ours.append(await requested(there.daemon, connections, times, one))
        bare.append(await requested(there.bare, connections, times, one))
    run, floor = median_of(ours), median_of(bare)
    return (
        *(kind, connections, run.rate, run.percentile_ms(50), run.percentile_ms(99), run.server_s / times * 1e6),
        *(floor.rate, floor.percentile_ms(50), floor.server_s / times * 1e6, run.rate / floor.rate),
    )
