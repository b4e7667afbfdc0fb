"""One search over lanes: rounds of blocks, the best distinct states of all of them, and the pace."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import Found, medium_of, run_blocks
from kyanite_kernels.ising.changes import changes
from kyanite_kernels.ising.configurations import Pool, spins_of, values_of
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.result import Parameters
from kyanite_kernels.ising.sampling import Plan
from kyanite_kernels.ising.schedule import LINEAR, RangeSchedule
from kyanite_kernels.ising.temperature_range import range_of
from kyanite_kernels.ising.terms import Int8s, Int32s, Terms
from kyanite_kernels.random_stream import seed_array


class Round(NamedTuple):
    """How a parameter-free search stands after a round: its lowest running cost, and the parameters that led there."""

    best: float
    parameters: Parameters


_SPARE: Final = 8
"""States kept of each block beyond the number of solutions, because equal ones count once."""
_MOVED_MAX: Final = 1 << 22
"""Entries of terms up to which a problem is copied to be put into another order."""
_PROBE_SWEEPS: Final = 4
_PACE_MARGIN: Final = 0.9
_LAST_ROUND_SHARE: Final = 0.1
_MANY_LANES: Final = 512
_GROUP_LANES: Final = 64
_MANY_SWEEPS: Final = 64
_VISITS_A_SECOND: Final = 2e8


class Search:
    """Runs blocks of lanes of one problem, numbering them all through, and keeps the best distinct states.

    Variables are visited in an order drawn by the seed, the same for all sweeps. Numbers often run along the problem:
    in a chain visited from end to end, moves that cost nothing carry all domain walls along, and no two ever meet.
    """

    def __init__(self, terms: Terms, crew: Crew, pool: Pool, *, seed: int, initial: Int8s | None, lanes: int) -> None:
        """Choose the form for `lanes` lanes. Raises ValueError for a bad start."""
        self.terms = terms
        self.crew = crew
        self._seed = seed_array(seed)
        self._place: Int32s | None = None
        if terms.variable.size + terms.group_variable.size <= _MOVED_MAX:
            self._place = np.random.default_rng(int(self._seed[0])).permutation(terms.n).astype(np.int32)
        self.medium = medium_of(terms if self._place is None else _moved(terms, self._place), lanes)
        self.lanes = 0
        """Lanes begun so far."""
        self.best = math.inf
        """The lowest cost so far."""
        self.pace_s = 0.0
        """Seconds a sweep of one lane took in the last round; 0 before the first."""
        self._pool = pool
        self._initial = spins_of(terms, initial)

    def run(self, plans: Sequence[tuple[int, Plan]]) -> list[Found]:
        """Run a block for each (lanes, plan), and take what they found into the pool."""
        began_s = time.perf_counter()
        keep = self._pool.size + _SPARE
        if self._place is None:
            found = run_blocks(self.crew, self.medium, plans, self._seed, self.lanes, self._initial, keep)
        else:
            start = np.empty_like(self._initial)
            start[self._place] = self._initial
            moved = run_blocks(self.crew, self.medium, plans, self._seed, self.lanes, start, keep)
            found = [block._replace(spins=np.ascontiguousarray(block.spins[:, self._place])) for block in moved]
        self.lanes += sum(lanes for lanes, _ in plans)
        for block in found:
            costs = energy(self.terms, values_of(self.terms.kind, block.spins))
            self.best = min(self.best, float(costs.min()))
            self._pool.add(block.spins, costs)
        work = sum(block.sweeps * block.energies.size for block in found)
        self.pace_s = (time.perf_counter() - began_s) / max(work, 1)
        return found

    def affordable_sweeps(self, wanted: int, lanes: int) -> int:
        """Return how many of the sweeps wanted, of so many lanes, fit into the time left; 0 when too few do."""
        if not self.crew.goes_on():
            return 0
        taken_s = self.pace_s * lanes * wanted
        fitting = math.inf if taken_s == 0 else _PACE_MARGIN * self.crew.left_s / taken_s * wanted
        if fitting >= wanted:
            return wanted
        return int(fitting) if fitting >= _LAST_ROUND_SHARE * wanted else 0

    def beta_range(self) -> tuple[float, float]:
        """Return the betas from nearly free flips to nearly none, as a random state and a local minimum show them."""
        random = np.random.default_rng(int(self._seed[0])).integers(0, 2, self.terms.n, dtype=np.int8) * 2 - 1
        start = np.where(self._initial == UNSET, random, self._initial).astype(np.int8)
        quench = Plan(_PROBE_SWEEPS, RangeSchedule(LINEAR, 1.0, 1.0).course(1), np.full(1, np.inf), 0.0)
        (found,) = self.run([(self.medium.whole(1), quench)])
        # So short a run says nothing of the pace: most of it was setting up.
        self.pace_s = 0.0
        states = values_of(self.terms.kind, np.stack([start, found.spins[0]]))
        return range_of(changes(self.terms, states[0]), changes(self.terms, states[1]))


def _moved(terms: Terms, place: Int32s) -> Terms:
    """Return the problem with variable v as number `place[v]`."""
    return replace(terms, variable=place[terms.variable], group_variable=place[terms.group_variable])


def beta_range(terms: Terms, seed: int, initial: Int8s | None) -> tuple[float, float]:
    """Return the betas from nearly free flips to nearly none (see `temperature_range`), for a search of one's own."""
    if terms.n == 0:
        return 1.0, 2.0
    with Crew() as crew:
        return Search(terms, crew, Pool(1), seed=seed, initial=initial, lanes=1).beta_range()


def last(rounds: Iterator[Round]) -> Round:
    """Run all rounds and return the last."""
    return deque(rounds, maxlen=1)[0]


def affordable_lanes(terms: Terms, timeout_s: float) -> int:
    """Return how many lanes a search that long should want: many, or one where the problem is huge."""
    visits = _GROUP_LANES * _MANY_SWEEPS * (terms.n + terms.variable.size + terms.group_variable.size)
    return _MANY_LANES if visits < _VISITS_A_SECOND * timeout_s else 1
