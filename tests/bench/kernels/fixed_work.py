"""The same sweeps, schedule and number of replicas by us and by a peer, in turn: rates and mean energies.

Ours is `run_blocks`: all a run costs but reading the problem and laying it out. The peer's is its compiled part alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import Medium, medium_of, run_blocks
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.search import beta_range
from kyanite_kernels.ising.simulated_annealing import annealing_plan
from kyanite_kernels.ising.terms import Float64s
from kyanite_kernels.random_stream import seed_array
from tests.bench.kernels import instances
from tests.bench.kernels.group import ABSENT, Setting, Stopwatch, present
from tests.bench.kernels.instances import Absent, Instance
from tests.bench.kernels.peers import Peers, Spent
from tests.bench.table import Cell, Grid

COLUMNS = (
    *("instance", "form", "replicas", "sweeps", "ours, flips/ns", "peer, flips/ns", "ratio, CPU", "ratio, wall"),
    *("reach", "mean energy", "the peer's", "difference, s.e."),
)
_OURS_S = 0.25
_REPEATS_MAX = 12


class Work(NamedTuple):
    """What both do: `replicas` anneals of `sweeps` sweeps, beta linear, `rounds` times over; `ratio` is to be reached.

    `calls` are made a round where the replicas are few, each with a seed of its own.
    """

    ratio: float
    replicas: int
    sweeps: int
    rounds: int
    calls: int = 1
    run: str = "anneal"


class Side(NamedTuple):
    """What one side took for a call, and the energies of all its replicas."""

    cpu_s: float
    wall_s: float
    energies: Float64s


def unit(setting: Setting) -> Grid:
    """Weights of one size, many replicas; dwave-samplers SA."""
    work = Work(100.0, setting.of(1024, 256), setting.of(200, 8), setting.of(3, 1))
    return compared(setting, work, _graphs(setting))


def integer(setting: Setting) -> Grid:
    """Small integer weights, 64 replicas; dwave-samplers SA."""
    work = Work(25.0, 64, setting.of(400, 8), setting.of(4, 1))
    drawn = (
        graph if isinstance(graph, Absent) else instances.with_integers(graph, largest, seed=5)
        for graph, largest in zip(_graphs(setting), (7, 7, 7, 7, 3), strict=False)
    )
    return compared(setting, work, drawn)


def real(setting: Setting) -> Grid:
    """General real weights, 64 replicas; dwave-samplers SA."""
    work = Work(10.0, 64, setting.of(400, 8), setting.of(4, 1))

    def drawn() -> Iterator[Instance | Absent]:
        for graph in _graphs(setting):
            yield graph if isinstance(graph, Absent) else instances.with_normals(graph, seed=6)
        if not setting.quick:
            yield from instances.public("t3g7_5555")

    return compared(setting, work, drawn())


def dense(setting: Setting) -> Grid:
    """Every pair coupled, weights of one size and normally distributed; dwave-samplers SA."""
    grids = []
    for n, ratio in ((64, 1.0),) if setting.quick else ((512, 14.0), (1024, 18.0), (2048, 50.0)):
        work = Work(ratio, setting.of(32, 16), setting.of(100, 8), setting.of(3, 1))
        glass = instances.glass(n, seed=7)
        grids.append(compared(setting, work, (glass, instances.with_normals(glass, seed=8))))
    return Grid(COLUMNS, [row for grid in grids for row in grid.rows], grids[0].notes)


def cubic(setting: Setting) -> Grid:
    """Cubic terms, kept cubic; openjij's SA for terms of any degree."""
    work = Work(30.0, setting.of(256, 32), setting.of(200, 8), setting.of(3, 1), run="anneal_products")

    def drawn() -> Iterator[Instance | Absent]:
        yield instances.parity(setting.of(512, 32), seed=9)
        yield instances.clauses(setting.of(250, 20), seed=10)
        if not setting.quick:
            yield from instances.public("xorsat3-n128", "uf250-01")

    return compared(setting, work, drawn())


def one(setting: Setting) -> Grid:
    """One replica a call; dwave-samplers SA."""
    work = Work(1.5, 1, setting.of(2000, 8), setting.of(4, 1), calls=setting.of(12, 2))

    def drawn() -> Iterator[Instance | Absent]:
        for graph in _graphs(setting):
            yield graph
            if isinstance(graph, Instance):
                yield instances.with_normals(graph, seed=11)

    return compared(setting, work, drawn())


def _graphs(setting: Setting) -> Iterator[Instance | Absent]:
    if not setting.quick:
        yield from instances.public("G1", "G22", "G32")
    yield instances.chimera(setting.of(16, 2), seed=1)
    yield instances.regular(setting.of(1000, 32), 3, seed=2)


def compared(setting: Setting, work: Work, candidates: Iterator[Instance | Absent] | tuple[Instance, ...]) -> Grid:
    """Measure one instance after another."""
    notes = [
        (
            "One thread, the best of several turns each, by processor time and by the wall; flips are attempted. "
            "The peer's time is that of its compiled part alone, ours that of the whole run on a problem laid out."
        ),
        f"Energies are of the final states; the difference of their means is in standard errors of it. {_peer(work)}",
    ]
    rows = [_row(setting, work, instance) for instance in present(candidates, notes)]
    return Grid(COLUMNS, rows, notes)


def _peer(work: Work) -> str:
    return "Peer: " + ("openjij, HUBO." if work.run == "anneal_products" else "dwave-samplers.")


def _row(setting: Setting, work: Work, instance: Instance) -> tuple[Cell, ...]:
    terms = instance.terms
    betas = beta_range(terms, 1, None)
    medium = medium_of(terms, work.replicas)
    mine: list[Side] = []
    theirs: list[Side] = []
    ours_once(medium, work._replace(sweeps=1), betas, 0)  # from here on everything is compiled and paged in
    seeds = count(1)
    for _ in range(work.rounds):
        mine.append(_joined(_for_a_while(lambda: ours_once(medium, work, betas, next(seeds)), work.calls)))
        if setting.peers:
            calls = [peers_once(setting.peers, instance, work, betas, next(seeds)) for _ in range(work.calls)]
            theirs.append(_joined(calls))
    return (instance.name, medium.kind.name, work.replicas, work.sweeps, *_figures(terms.n, work, mine, theirs))


def _for_a_while(once: Callable[[], Side], calls: int) -> list[Side]:
    """Call at least `calls` times, and on while it is quick: a peer takes a hundred times as long for its turn."""
    made: list[Side] = []
    while len(made) < calls or (len(made) < _REPEATS_MAX and sum(side.wall_s for side in made) < _OURS_S):
        made.append(once())
    return made


def _joined(calls: list[Side]) -> Side:
    """Return a turn: the mean time of its calls."""
    cpu_s, wall_s = (sum(times) / len(calls) for times in zip(*((one.cpu_s, one.wall_s) for one in calls), strict=True))
    return Side(cpu_s, wall_s, np.concatenate([one.energies for one in calls]))


def ours_once(medium: Medium, work: Work, betas: tuple[float, float], seed: int) -> Side:
    """Anneal by our blocks on one thread."""
    plan, start = annealing_plan(work.sweeps, *betas), np.full(medium.n, UNSET, dtype=np.int8)
    watch = Stopwatch()
    with Crew() as crew, watch.running():
        plans = [(lanes, plan) for lanes in medium.blocks(work.replicas)]
        found = run_blocks(crew, medium, plans, seed_array(seed), 0, start, 1)
    energies = np.concatenate([block.energies for block in found])
    # More lanes than asked for are no gain: the rate counts what was asked for.
    return Side(watch.cpu_s, watch.wall_s, energies)


def peers_once(peers: Peers, instance: Instance, work: Work, betas: tuple[float, float], seed: int) -> Side:
    """Anneal by the peer."""
    took: Spent
    took, energies = peers.costs(
        work.run,
        peers.problem(instance.terms),
        reads=work.replicas,
        sweeps=work.sweeps,
        seed=seed,
        beta_start=betas[0],
        beta_stop=betas[1],
    )
    return Side(took.cpu_s, took.wall_s, energies)


def _figures(n: int, work: Work, mine: list[Side], theirs: list[Side]) -> Iterator[Cell]:
    flips = n * work.replicas * work.sweeps / 1e9
    cpu_s, wall_s = _fastest(mine)
    energies = np.concatenate([side.energies for side in mine])
    yield flips / cpu_s
    if not theirs:
        yield from (ABSENT, ABSENT, ABSENT, f"{work.ratio:g}x", float(energies.mean()), ABSENT, ABSENT)
        return
    peer_cpu_s, peer_wall_s = _fastest(theirs)
    others = np.concatenate([side.energies for side in theirs])
    yield from (flips / peer_cpu_s, peer_cpu_s / cpu_s, peer_wall_s / wall_s, f"{work.ratio:g}x")
    yield from (float(energies.mean()), float(others.mean()), difference(energies, others))


def _fastest(sides: list[Side]) -> tuple[float, float]:
    return min(side.cpu_s for side in sides), min(side.wall_s for side in sides)


def difference(some: Float64s, others: Float64s) -> float:
    """Return how much the first mean is above the second, in standard errors of their difference."""
    apart = float(some.mean() - others.mean())
    error = math.sqrt(sum(values.var(ddof=1) / values.size for values in (some, others)))
    return apart / error if error > 0 else math.copysign(math.inf, apart) if apart else 0.0
