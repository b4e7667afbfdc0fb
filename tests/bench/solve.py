"""The shipped problem on each local target: how long it takes, and how good the result is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from kyanite import Workspace
from kyanite.problems import SHIPPED, max_cut
from kyanite.runtime.job import Job
from tests.bench.echo import settings
from tests.bench.scale import Scale
from tests.bench.table import Figure

SEED = 7
TARGETS = (
    "microsoft.simulatedannealing.cpu",
    "microsoft.simulatedannealing-parameterfree.cpu",
    "microsoft.paralleltempering.cpu",
    "microsoft.paralleltempering-parameterfree.cpu",
)
LANES = {"microsoft.simulatedannealing.cpu": "restarts", "microsoft.paralleltempering.cpu": "replicas"}
"""Targets whose sweeps are given, and what multiplies them."""


def figures(scale: Scale) -> list[Figure]:
    """Solve on one target after another, with warm workers."""
    with scale.folder() as folder:
        return asyncio.run(solved(folder, quick=scale.quick))


async def solved(folder: Path, *, quick: bool) -> list[Figure]:
    """Return time, cut and speed of each target."""
    result = []
    async with Workspace.open(settings(folder)) as workspace:
        start = time.perf_counter()
        for target in TARGETS:
            await (await workspace.submit(target, max_cut(60, degree=4), input_params=_params(target, 1))).get_results()
        result.append(Figure("warm-up", time.perf_counter() - start, "s", "a small problem on each target, cold start"))
        for target in TARGETS:
            params = _params(target, 1 if quick else 5)
            start = time.perf_counter()
            job = await workspace.submit(target, SHIPPED.problem(), input_params=params)
            output = await job.get_results()
            result += _of_one(target, time.perf_counter() - start, job, output)
    return result


def _params(target: str, search_s: int) -> dict[str, Any]:
    """Return the defaults, a seed, and for a search without a natural end its time."""
    return {"params": {"seed": SEED} | ({} if target in LANES else {"timeout": search_s})}


def _of_one(target: str, taken_s: float, job: Job, output: dict[str, Any]) -> list[Figure]:
    name, found = target.removeprefix("microsoft."), output["parameters"]
    cut = -output["cost"]
    told = ", ".join(f"{key} {value:.4g}" for key, value in found.items() if isinstance(value, int | float))
    result = [
        Figure(f"{name}: submit to result", taken_s, "s", told),
        Figure(f"{name}: cut", cut, "", f"{SHIPPED.name}; best known {SHIPPED.best_known_cut}"),
        Figure(f"{name}: short of best known", 100 * (1 - cut / SHIPPED.best_known_cut), "%"),
    ]
    begun, ended = job.details.begin_execution_time, job.details.end_execution_time
    if target in LANES and begun and ended:
        attempts = found["sweeps"] * found[LANES[target]] * SHIPPED.n
        executing_s = (ended - begun).total_seconds()
        note = "sweeps x lanes x variables over the time executing"
        result.append(Figure(f"{name}: attempted flips", attempts / executing_s / 1e6, "million/s", note))
    return result
