"""How long the event loop is kept from its timers while a large problem goes through submit, inspection and solver."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kyanite import Workspace
from kyanite.problems import max_cut
from tests.bench.echo import settings
from tests.bench.scale import Scale
from tests.bench.table import Figure, percentile

TARGET = "microsoft.simulatedannealing.cpu"
FEW_SWEEPS = {"params": {"sweeps": 4, "restarts": 1, "seed": 1}}
TICK_S = 0.001


def figures(scale: Scale) -> list[Figure]:
    """Generate the problem in a process of its own, then measure."""
    with scale.folder() as folder:
        problem = folder / "problem.json"
        command = [sys.executable, "-m", "tests.bench.large_problem", str(problem), str(scale.of(50, 1))]
        subprocess.run(command, check=True)
        size = f"{problem.stat().st_size / 1e6:.1f} MB"
        return asyncio.run(measured(folder, problem, size, idle_s=float(scale.of(5, 1))))


async def measured(folder: Path, problem: Path, size: str, *, idle_s: float) -> list[Figure]:
    """Watch the loop idle, during the submit, and from then to the end."""
    async with Workspace.open(settings(folder / "workspace")) as workspace:
        warm = await workspace.submit(TARGET, max_cut(60, degree=4), input_params=FEW_SWEEPS)
        await warm.get_results()
        async with ticking() as idle:
            await asyncio.sleep(idle_s)
        start = time.perf_counter()
        async with ticking() as submitting:
            job = await workspace.submit(TARGET, problem, input_params=FEW_SWEEPS)
        submitted = time.perf_counter()
        async with ticking() as solving:
            await job.wait()
        ended = time.perf_counter()
        result = await job.get_results()
        read_s = time.perf_counter() - ended
    size = f"{size}, {len(result['configuration']):,} variables"
    return [
        *_lags("idle", idle, "nothing happens: what timers and other processes cost"),
        *_lags("submit", submitting, f"{size}, given as a path: {submitted - start:.2f} s"),
        *_lags("inspect and solve", solving, f"to the final state: {ended - submitted:.2f} s"),
        *_lags("submit to final", [*submitting, *solving], "both together"),
        Figure("get_results", read_s * 1e3, "ms", "read and parsed in the caller's loop, as any output is"),
    ]


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """Yield the growing list of how late, in seconds, each tick of the loop was; a tick is due every millisecond.

    A blocked loop is late for all the ticks it missed, not for one.
    """
    loop = asyncio.get_running_loop()
    late: list[float] = []
    due = loop.time() + TICK_S
    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal due, timer
        late.append(loop.time() - due)
        due += TICK_S
        timer = loop.call_at(due, tick)

    timer = loop.call_at(due, tick)
    try:
        yield late
    finally:
        # What blocks the loop right up to the end would otherwise never be seen.
        late.append(max(0.0, loop.time() - due))
        timer.cancel()


def _lags(name: str, late: list[float], note: str) -> list[Figure]:
    return [
        Figure(f"{name}, p99.9", percentile(late, 99.9) * 1e3, "ms", note),
        Figure(f"{name}, max", max(late) * 1e3, "ms", f"{len(late):,} ticks, one a millisecond"),
    ]
