"""The daemon's own API beside the edge of Azure Quantum's clients, and beside our client, in turn on one daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from kyanite import Workspace
from tests.bench.echo import TARGET
from tests.bench.http.client import INPUTS, LABELS, Client
from tests.bench.http.client import connected as at_edge
from tests.bench.http.jobs import TIMES, servers
from tests.bench.http.load import CONNECTIONS, Run, median_of, timed
from tests.bench.http.processes import Child
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

URI = f"kyanite:///default/{INPUTS}/inputData"
SUBMIT, FINAL, GET = "submit", "submit to final", "get"


class Native:
    """Requests to the native API. Raises `RuntimeError` for any other answer than the one expected."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        """Use this session."""
        self._session = session
        self._jobs = f"{address}/v1/jobs"

    async def submit(self, *, wait: bool) -> None:
        """Submit a job; with `wait`, be answered when it has ended."""
        body = {"target": TARGET, "job_id": Client.new_id(), "input_data_uri": URI, **LABELS}
        headers = {"Content-Type": "application/json", **({"Prefer": "wait=60"} if wait else {})}
        answer = await self._asked(201, "POST", self._jobs, data=msgspec.json.encode(body), headers=headers)
        if wait and msgspec.json.decode(answer)["status"] != "Succeeded":
            raise RuntimeError(answer)

    async def get(self, job_id: str) -> None:
        """Ask for a job."""
        await self._asked(200, "GET", f"{self._jobs}/{job_id}")

    async def _asked(self, expected: int, method: str, url: str, **options: Any) -> bytes:
        async with self._session.request(method, url, **options) as response:
            content = await response.read()
            if response.status != expected:
                raise RuntimeError(method, url, response.status, content)
            return content


@asynccontextmanager
async def by_api(address: str, connections: int, ended: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[int]]]]:
    """Yield what is measured of the native API, by name."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        native = Native(session, address)
        yield {
            SUBMIT: lambda: _none(native.submit(wait=False)),
            FINAL: lambda: _none(native.submit(wait=True)),
            GET: lambda: _none(native.get(ended)),
        }


@asynccontextmanager
async def by_edge(address: str, connections: int, ended: str) -> AsyncIterator[dict[str, Callable[[], Awaitable[int]]]]:
    """Yield the same over the edge of Azure Quantum's clients."""
    async with at_edge(address, connections) as client:

        async def final() -> int:
            job_id = client.new_id()
            await client.put(job_id)
            return await client.until_final(job_id)

        yield {
            SUBMIT: lambda: _none(client.put(client.new_id())),
            FINAL: final,
            GET: lambda: _none(client.get(ended)),
        }


@asynccontextmanager
async def by_client(
    address: str, connections: int, ended: str
) -> AsyncIterator[dict[str, Callable[[], Awaitable[int]]]]:
    """Yield the same with `Workspace.connect`."""
    del connections  # as many as it likes
    async with Workspace.connect(address) as workspace:

        async def submitted() -> None:
            await workspace.submit(TARGET, input_data_uri=URI, **LABELS)

        async def final() -> None:
            await (await workspace.submit(TARGET, input_data_uri=URI, **LABELS)).wait()

        yield {
            SUBMIT: lambda: _none(submitted()),
            FINAL: lambda: _none(final()),
            GET: lambda: _none(workspace.get_job(ended)),
        }


async def _none(request: Awaitable[object]) -> int:
    await request
    return 0


def native(scale: Scale) -> Grid:
    """The native API beside the edge of Azure Quantum's clients."""
    columns = (
        *("what", "at once", "native, a second", "p50, ms", "p99, ms", "daemon, us CPU each"),
        *("edge, a second", "p50, ms", "daemon, us CPU each", "native to edge", "our client, a second", "p50, ms"),
    )
    rows: list[tuple[Cell, ...]] = []
    with servers(scale) as there:
        for what in (SUBMIT, FINAL, GET):
            for connections in CONNECTIONS:
                times = scale.of(*TIMES[connections])
                rows.append(_row(scale, there.daemon, there.ended, what, connections, times))
    note = (
        "To final, the native API is asked once (`Prefer: wait`), the edge as long as it takes; our client hears of "
        "the end by its stream of events. The client is another process; the median of several turns each."
    )
    return Grid(columns, rows, [note])


def _row(scale: Scale, daemon: Child, ended: str, what: str, connections: int, times: int) -> tuple[Cell, ...]:
    ways = (by_api, by_edge, by_client)
    runs: list[list[Run]] = [[] for _ in ways]
    for _ in range(scale.of(3, 1)):
        for way, taken in zip(ways, runs, strict=True):
            taken.append(asyncio.run(_timed(way, daemon, ended, what, connections, times)))
    api, edge, client = (median_of(taken) for taken in runs)
    cells: list[Cell] = [what, connections, api.rate, api.percentile_ms(50), api.percentile_ms(99)]
    cells += [api.server_s / times * 1e6, edge.rate, edge.percentile_ms(50), edge.server_s / times * 1e6]
    return (*cells, api.rate / edge.rate, client.rate, client.percentile_ms(50))


async def _timed(way: Any, daemon: Child, ended: str, what: str, connections: int, times: int) -> Run:
    async with way(daemon.address, connections, ended) as asked:
        await timed(connections, connections, asked[what])
        before_s = daemon.cpu_s()
        run = await timed(times, connections, asked[what])
        return run._replace(server_s=daemon.cpu_s() - before_s)
