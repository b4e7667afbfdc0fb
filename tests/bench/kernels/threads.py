"""Two threads over one: the same work, with the same result, by the wall."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from kyanite_kernels.ising.parallel_tempering import temper
from kyanite_kernels.ising.population_annealing import anneal_population
from kyanite_kernels.ising.result import Result
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.search import beta_range
from kyanite_kernels.ising.simulated_annealing import anneal
from kyanite_kernels.ising.tabu import tabu
from tests.bench.kernels import instances
from tests.bench.kernels.group import Setting, Stopwatch
from tests.bench.table import Cell, Grid

COLUMNS: Final = (
    *(
        "instance",
        "solver",
        "one thread, s",
        "two threads, s",
        "ratio, wall",
        "reach",
        "CPU of one, s",
        "CPU of two, s",
    ),
)

Solve = Callable[..., Result]


def two_over_one(setting: Setting) -> Grid:
    """Two threads over one, work and results the same."""
    notes = [
        (
            "The whole public call, best of several in turn; the machine must have two cores to spare for this to mean "
            "anything: CPU time tells what they did not lose to each other."
        )
    ]
    rows = [_row(setting, name, solver, solve) for name, solver, solve in _cases(setting)]
    return Grid(COLUMNS, rows, notes)


def _cases(setting: Setting) -> Iterator[tuple[str, str, Solve]]:
    sweeps = setting.of(400, 4)
    sparse, glass = instances.regular(setting.of(2000, 64), 6, seed=3), instances.glass(setting.of(1024, 64), seed=7)
    cubic = instances.parity(setting.of(1000, 32), seed=9)
    replicas = setting.of(4096, 1024)
    for instance, restarts, form in (
        (sparse, replicas, "words"),
        (instances.with_normals(sparse, seed=4), replicas // 8, "lanes"),
        (glass, replicas // 64, "dense"),
        (cubic, replicas // 8, "products"),
    ):
        start, stop = beta_range(instance.terms, 1, None)
        solve = partial(anneal, instance.terms, sweeps=sweeps, restarts=restarts, beta_start=start, beta_stop=stop)
        yield instance.name, f"annealing, {restarts} restarts, {form}", solve
    betas = np.geomspace(*beta_range(sparse.terms, 1, None), 16)
    yield sparse.name, "tempering, 16 replicas", partial(temper, sparse.terms, sweeps=8 * sweeps, betas=betas)
    beta = RangeSchedule(LINEAR, float(betas[0]), float(betas[-1]))
    population = partial(anneal_population, sparse.terms, sweeps=sweeps, population=replicas, beta=beta)
    yield sparse.name, f"population of {replicas}", population
    searching = partial(tabu, sparse.terms, sweeps=1000 * sweeps, tenure=20, restarts=16)
    yield sparse.name, "tabu, 16 restarts", searching


def _row(setting: Setting, name: str, solver: str, solve: Solve) -> tuple[Cell, ...]:
    fastest: dict[int, tuple[float, float]] = {}
    costs = set()
    solve(threads=1, seed=1)
    for _ in range(setting.of(4, 1)):
        for threads in (1, 2):
            watch = Stopwatch()
            with watch.running():
                result = solve(threads=threads, seed=1)
            costs.add(float(result.costs[0]))
            fastest[threads] = min(fastest.get(threads, (np.inf, np.inf)), (watch.wall_s, watch.cpu_s))
    if len(costs) > 1:
        raise AssertionError(f"{solver} on {name}: the result depends on the number of threads: {costs}")
    one, two = fastest[1], fastest[2]
    return name, solver, one[0], two[0], one[0] / two[0], "1.7x", one[1], two[1]
