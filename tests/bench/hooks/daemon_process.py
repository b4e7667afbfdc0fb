"""A daemon whose webhooks may lead here: `python -m tests.bench.hooks.daemon_process FOLDER LISTEN DELAY_S...`.

It has the no-op target, and no workers. Says on stdout where it listens and where it takes commands. `["jobs", n, m,
r]` has n jobs go from submit to final, m of them at a time and r a second at most unless that is null, and returns how
many seconds each submit and all of it took; `["left"]` returns what is yet to happen. It logs into the folder, and ends
with SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from kyanite import Job, Workspace, logs, plugins
from kyanite.config import DeliverySettings, LimitSettings, ServerSettings, Settings
from kyanite.core.job import Status
from kyanite.http.daemon import Running, serve
from kyanite.http.loop import new_loop, raise_file_limit
from tests.bench import echo
from tests.bench.hooks.control import obeying
from tests.bench.http.daemon_process import providers

LOG = "log"


def settings(folder: Path, listen: str, delays_s: tuple[float, ...]) -> Settings:
    """Return the defaults for this folder, but that webhooks may lead here."""
    delivery = DeliverySettings(plain_http=True, allow=("127.0.0.1",))
    return replace(
        echo.settings(folder),
        limits=LimitSettings(shutdown_grace_s=0.2, restarts_max=1_000_000),
        server=ServerSettings(listen=listen, drain_s=5.0),
        delivery=replace(delivery, delays_s=delays_s) if delays_s else delivery,
    )


class Load:
    """Jobs that come from within the daemon, so that no client takes its processor."""

    def __init__(self, workspace: Workspace) -> None:
        """Submit to this workspace."""
        self._workspace = workspace

    async def jobs(self, times: int, in_flight: int, rate: float | None) -> dict[str, object]:
        """Run jobs; each is to succeed."""
        uri = await self._workspace.upload(echo.payload(0), name=f"input-{time.monotonic_ns()}")
        taken_s: list[float] = []
        ended: list[Job] = []
        start = time.perf_counter()

        async def one(number: int) -> None:
            if rate is not None:
                await asyncio.sleep(start + number / rate - time.perf_counter())
            began = time.perf_counter()
            job = await self._workspace.submit(echo.TARGET, input_data_uri=uri)
            taken_s.append(time.perf_counter() - began)
            ended.append(await job.wait())

        await echo.many(times, in_flight, one)
        wall_s = time.perf_counter() - start
        if any(job.details.status is not Status.SUCCEEDED for job in ended):
            raise RuntimeError("not every job has succeeded")
        return {"wall_s": wall_s, "taken_s": taken_s}

    async def left(self) -> list[int]:
        """Return how many jobs have not ended, and how many positions and letters subscribers have before them."""
        standings = await self._workspace.deliveries.subscribers()
        unended = await self._workspace.count_jobs(status=["Waiting", "Executing"])
        return [unended, sum(each.behind for each in standings), sum(each.waiting for each in standings)]


async def run(chosen: Settings) -> None:
    """Serve until SIGTERM."""
    async with AsyncExitStack() as stack:
        loads: asyncio.Future[Load] = asyncio.get_running_loop().create_future()

        async def jobs(times: int, in_flight: int, rate: float | None) -> dict[str, object]:
            return await (await loads).jobs(times, in_flight, rate)

        async def left() -> list[int]:
            return await (await loads).left()

        control = await stack.enter_async_context(obeying({"jobs": jobs, "left": left}))

        def started(running: Running) -> None:
            loads.set_result(Load(running.service.workspace))
            print(running.address, control, flush=True)

        await serve(chosen, providers=providers(), started=started)


def main(folder: str, listen: str, *delays_s: str) -> int:
    """Serve until SIGTERM."""
    log = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, sys.stderr.fileno())
    raise_file_limit()
    plugins.providers = lambda options: []  # type: ignore[assignment]
    logs.configure("json", "WARNING")
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run(settings(Path(folder), listen, tuple(map(float, delays_s)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
