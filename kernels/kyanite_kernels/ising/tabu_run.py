"""Restarts of tabu search as tasks of a crew, and the best distinct states of all of them.

Restart r is a function of (seed, r), its plan, tenure and start alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.configurations import Pool, spins_of
from kyanite_kernels.ising.tabu_forms import DENSE, INCIDENCE, Form, form_of
from kyanite_kernels.ising.tabu_search import SEARCHES, Found, Plan
from kyanite_kernels.ising.tabu_walk import walk_of
from kyanite_kernels.random_stream import seed_array

if TYPE_CHECKING:
    from kyanite_kernels.crew import Crew
    from kyanite_kernels.ising.terms import Float64s, Int8s, Terms

_TASKS: Final = 64
_TASK_BYTES: Final = 1 << 26
_PATIENCE: Final = 40
_KICK_SHARES: Final = (10, 3)
_LOOK_WORK: Final = 1 << 18
_LOOK_MAX: Final = 1024


class Leg(NamedTuple):
    """`restarts` restarts of `sweeps` sweeps, from `initial` (spins, UNSET where random)."""

    restarts: int
    sweeps: int
    tenure: int
    initial: Int8s


class Finish(NamedTuple):
    """What a leg found: its best distinct states with their running costs, and the cost of every restart."""

    spins: Int8s
    spin_costs: Float64s
    costs: Float64s


class TabuRun:
    """Runs legs of one problem, numbering the restarts all through, and keeps the best distinct states."""

    def __init__(self, terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None) -> None:
        """Lay out `terms`. Raises ValueError for a bad start."""
        self.form = form_of(terms)
        self.initial = spins_of(terms, initial)
        self.restarts = 0
        """Restarts begun so far."""
        self._terms = terms
        self._crew = crew
        self._pool = pool
        self._best: tuple[float, Int8s] = (math.inf, self.initial)
        self._seed = seed_array(seed)

    @property
    def equal_cost(self) -> float:
        """The difference of two costs below which they count as equal."""
        return self.form.unit * max(4 * self.form.tolerance, 0.25 if self.form.tolerance == 0 else 0.0)

    def run(self, legs: Sequence[Leg], target: float = -np.inf) -> list[Finish]:
        """Run `legs` and take what they found into the pool; the list is shorter where the run ended before."""
        first = self.restarts + np.cumsum([0, *(leg.restarts for leg in legs)])
        found = self._crew.run(
            [
                partial(self._search, leg, _plan(self.form, leg.sweeps, target), int(begin))
                for leg, begin in zip(legs, first[:-1], strict=True)
            ]
        )
        for finish in found:
            self._pool.add(finish.spins, finish.spin_costs)
            if finish.spin_costs[0] < self._best[0]:
                self._best = (float(finish.spin_costs[0]), finish.spins[0])
            self.restarts += finish.costs.size
        return found

    def repeat(self, leg: Leg, target: float) -> None:
        """Run the restarts of `leg` in parts, which may go to different threads."""
        part = max(1, min(-(-leg.restarts // _TASKS), _TASK_BYTES // self.form.n))
        sizes = [min(part, leg.restarts - begin) for begin in range(0, leg.restarts, part)]
        self.run([leg._replace(restarts=size) for size in sizes], target)

    @property
    def best(self) -> tuple[float, Int8s]:
        """The best state so far, as spins, and its cost before it."""
        return self._best

    def _search(self, leg: Leg, plan: Plan, first: int, tally: Float64s) -> Finish:
        n = self.form.n
        found = Found(np.empty((leg.restarts, n), dtype=np.int8), np.full(leg.restarts, np.inf))
        search, walk = SEARCHES[self.form.base.dtype], walk_of(self.form, leg.tenure)
        done = search(self.form, walk, plan, found, self._seed, first, leg.initial, self._crew.control, tally)
        spins, costs = found.spins[:done], found.costs[:done]
        lowest_last = np.argsort(-costs, kind="stable").tolist()
        distinct = {spins[k].tobytes(): k for k in lowest_last}
        best = sorted(distinct.values(), key=lambda k: (costs[k], k))[: self._pool.size]
        return Finish(spins[best], costs[best], costs)


def _plan(form: Form, sweeps: int, target: float) -> Plan:
    n = form.n
    kick_min, kick_max = (max(1, n // share) for share in _KICK_SHARES)
    return Plan(sweeps, _PATIENCE * n, kick_min, kick_max, _look(form), float(target))


def _look(form: Form) -> int:
    """Return how many moves take about 0.1 ms."""
    partners = form.row_step.size / form.n
    if form.layout == DENSE:
        partners /= 16
    elif form.layout == INCIDENCE:
        members, shares = np.diff(form.term_start).astype(float), np.diff(form.group_start).astype(float)
        partners = float((members**2).sum() + (shares**2).sum()) / form.n
    return int(max(1, min(_LOOK_MAX, _LOOK_WORK // (form.n / 8 + partners))))
