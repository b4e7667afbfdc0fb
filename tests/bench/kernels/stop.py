"""How soon a run ends once its flag is up, and how soon a job is at work in a worker that is ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import anyio
import numpy as np

from kyanite import Workspace
from kyanite.core.events import Began, Inspected
from kyanite_kernels.control import STOP, SWEEP, local_control
from kyanite_kernels.ising.auto import auto
from kyanite_kernels.ising.bifurcation import bifurcate
from kyanite_kernels.ising.parallel_tempering import temper
from kyanite_kernels.ising.path_integral import quantum_monte_carlo
from kyanite_kernels.ising.population_annealing import anneal_population
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.simulated_annealing import anneal
from kyanite_kernels.ising.substochastic import substochastic
from kyanite_kernels.ising.tabu import tabu
from tests.bench.kernels import instances
from tests.bench.kernels.group import Setting
from tests.bench.table import Cell, Grid

STOP_COLUMNS: Final = ("solver", "runs", "median, ms", "the slowest, ms", "at most, ms")
START_COLUMNS: Final = ("from submit to", "jobs", "the first, ms", "median of the others, ms", "at most, ms")
_STOP_MS: Final = 5.0
_START_MS: Final = 100.0
_LONG: Final = 1_000_000
_BETAS: Final = (0.02, 2.0)
_SMALL: Final = b'{"cost_function":{"version":"1.0","type":"ising","terms":[{"c":1,"ids":[0,1]},{"c":0.3,"ids":[1]}]}}'

Solve = Callable[..., object]


def after_the_flag(setting: Setting) -> Grid:
    """From the stop flag to the end of the run."""
    rows = [_stopped(setting, name, solve) for name, solve in _cases(setting)]
    return Grid(STOP_COLUMNS, rows, ["Two threads, each run stopped in its middle; the end is that of the whole call."])


def _cases(setting: Setting) -> Iterator[tuple[str, Solve]]:
    sparse, glass = instances.regular(setting.of(2000, 64), 6, seed=3), instances.glass(setting.of(2048, 64), seed=7)
    normal, cubic = instances.with_normals(sparse, seed=4), instances.parity(setting.of(1000, 32), seed=9)
    long = partial(anneal, sweeps=_LONG, beta_start=_BETAS[0], beta_stop=_BETAS[1])
    for name, instance, restarts in (
        ("annealing, words", sparse, 1024),
        ("annealing, lanes", normal, 128),
        ("annealing, dense", glass, 64),
        ("annealing, products", cubic, 128),
        ("annealing, one lane", normal, 1),
    ):
        yield name, partial(long, instance.terms, restarts=restarts)
    beta = RangeSchedule(LINEAR, *_BETAS)
    yield "tempering", partial(temper, sparse.terms, sweeps=_LONG, betas=np.geomspace(*_BETAS, 16))
    yield "population", partial(anneal_population, sparse.terms, sweeps=_LONG, population=1024, beta=beta)
    yield "tabu", partial(tabu, sparse.terms, sweeps=_LONG * 1000, tenure=20, restarts=2)
    fields = {"transverse_field_start": 3.0, "transverse_field_stop": 0.1}
    quantum = partial(quantum_monte_carlo, sweeps=_LONG, trotter_number=16, beta_start=2.0, restarts=2, **fields)
    yield "path integral", partial(quantum, sparse.terms)
    yield "walkers", partial(substochastic, sparse.terms, step_limit=_LONG * 1000)
    yield "bifurcation", partial(bifurcate, sparse.terms, steps=_LONG)
    yield "auto", partial(auto, sparse.terms, timeout_s=600.0)


def _stopped(setting: Setting, name: str, solve: Solve) -> tuple[Cell, ...]:
    taken_s = [_stop_once(solve, seed) for seed in range(setting.of(12, 2))]
    return name, len(taken_s), 1e3 * median(taken_s), 1e3 * max(taken_s), _STOP_MS


def _stop_once(solve: Solve, seed: int) -> float:
    control = local_control()
    run = threading.Thread(target=solve, kwargs={"control": control, "seed": seed, "threads": 2})
    run.start()
    while control[SWEEP] == 0 and run.is_alive():  # until then, the problem is laid out
        time.sleep(0.01)
    time.sleep(0.1 + 0.01 * seed)
    began_s = time.perf_counter()
    control[STOP] = 1.0
    run.join()
    return time.perf_counter() - began_s


def in_a_ready_worker(setting: Setting) -> Grid:
    """From submit to the job at work, in a worker that is ready."""
    rows = anyio.run(_started, setting.folder, setting.of(50, 3))
    return Grid(START_COLUMNS, rows, ["`Workspace.prepare` began as the workspace was opened, as in `kyanite serve`."])


async def _started(folder: Path, count: int) -> list[tuple[Cell, ...]]:
    inspected_ms: list[float] = []
    began_ms: list[float] = []
    ended_ms: list[float] = []
    async with Workspace.open(data_dir=folder / "start") as workspace:
        await workspace.prepare()
        await anyio.sleep(20 if count > 3 else 5)  # no job may tell when the workers are ready: it would be the first
        for number in range(count):
            began_s = time.perf_counter()
            job = await workspace.submit(
                "microsoft.simulatedannealing.cpu",
                _SMALL,
                input_params={"params": {"sweeps": 10, "restarts": 1, "seed": number}},
            )
            async for event in job.updates():
                taken_ms = 1e3 * (time.perf_counter() - began_s)
                if isinstance(event, Inspected):
                    inspected_ms.append(taken_ms)
                if isinstance(event, Began):
                    began_ms.append(taken_ms)
            ended_ms.append(1e3 * (time.perf_counter() - began_s))
    told = (("inspected", inspected_ms), ("began", began_ms), ("ended", ended_ms))
    return [(name, count, times[0], median(times[1:]), _START_MS) for name, times in told]
