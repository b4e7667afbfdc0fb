"""Simulated bifurcation: oscillators that settle on one side or the other while a pump rises.

The equations and their sources are those of `oscillators`. The best state of each loop is that of the signs of its
positions at its end, fallen to a local minimum.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.crew import TALLY_BEST, Crew
from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import Pool, values_of
from kyanite_kernels.ising.descent import descend
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.oscillators import TRAJECTORIES, network_of, oscillate, oscillators_of
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.scale import typical_change
from kyanite_kernels.ising.search import Round
from kyanite_kernels.ising.terms import Float64s, Int8s, Terms
from kyanite_kernels.random_stream import seed_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kyanite_kernels.control import Control

BALLISTIC: Final = "1.5"
"""Forces at the positions."""
DISCRETE: Final = "2.0"
"""Forces at the signs of the positions."""
AUTO: Final = "auto"
"""Both are tried, each with several time steps, and the better one goes on."""

_STEPS_MIN, _STEPS_MAX = 200, 10_000
_STEPS_PER_ROOT: Final = 50
_DT: Final = 0.5
_TRIED_DT: Final = (0.25, 0.5, 1.0)
_ROUND_BLOCKS: Final = 4


def bifurcate(
    terms: Terms,
    *,
    steps: int = 0,
    loops: int = 1,
    dt: float = 0.0,
    coupling: float = 0.0,
    algorithm: str = DISCRETE,
    seed: int = 0,
    control: Control | None = None,
    solutions: int = 1,
    timeout_s: float | None = None,
    target_cost: float | None = None,
    threads: int = 1,
) -> Result:
    """Minimise `terms` by `loops` trajectories of `steps` time steps of length `dt`, 0 < dt <= 1.

    `coupling`, in 1 / cost, weighs the forces against the oscillators' own. 0 chooses: `steps` by the number of
    variables, `dt` 0.5 (1 is past stability where many couplings have one sign), `coupling` as 0.5 over the root mean
    square of the force at random signs (Goto's xi_0 for random couplings), and loops without end, until `timeout_s`.
    `algorithm` is `BALLISTIC`, `DISCRETE`, or `AUTO`, which tries both with several `dt` and ignores `dt` and `loops`.
    The search ends once `target_cost` is reached, looked at now and then. At most `solutions` distinct configurations
    return. Loop k depends on (seed, k) alone, not on `threads`. `sweeps_done` of the result counts steps of blocks of
    16 loops. `parameters` holds what was chosen.

    Raises ValueError where a parameter is out of range.
    """
    _check(steps, loops, dt, coupling, algorithm)
    endless = loops == 0 or algorithm == AUTO
    if endless and timeout_s is None:
        msg = "loops without end need a timeout_s"
        raise ValueError(msg)
    steps = steps or _steps_of(terms.n)
    total = 0 if endless else steps * -(-loops // TRAJECTORIES)
    with Crew(control, threads=threads, timeout_s=timeout_s, sweeps_total=total) as crew:
        target = -math.inf if target_cost is None else target_cost
        # At signs, a flip changes the cost by twice the force: 0.5 over the force is 1 over the change.
        pool = Pool(solutions)
        search = _Search(terms, crew, pool, steps, coupling or 1.0 / typical_change(terms), seed, target)
        if terms.n == 0:
            return constant_result(terms, crew, search.parameters(algorithm, dt))
        if algorithm == AUTO:
            algorithm, dt = search.tune()
        dt = dt or _DT
        search.run(math.inf if endless else loops, algorithm, dt)
        return result_of(terms, pool, crew, search.parameters(algorithm, dt))


def _check(steps: int, loops: int, dt: float, coupling: float, algorithm: str) -> None:
    if steps < 0 or loops < 0:
        msg = f"steps and loops must not be negative, unlike {steps} and {loops}"
        raise ValueError(msg)
    if not 0 <= dt <= 1:
        msg = f"dt lies above 0 and up to 1, or is 0 to be chosen, not {dt}"
        raise ValueError(msg)
    if not 0 <= coupling < math.inf:
        msg = f"coupling must be finite and not negative, not {coupling}"
        raise ValueError(msg)
    if algorithm not in {BALLISTIC, DISCRETE, AUTO}:
        msg = f"algorithm is {BALLISTIC!r}, {DISCRETE!r} or {AUTO!r}, not {algorithm!r}"
        raise ValueError(msg)


def _steps_of(n: int) -> int:
    return min(max(_STEPS_MIN, int(_STEPS_PER_ROOT * math.sqrt(n))), _STEPS_MAX)


def bifurcation_rounds(
    terms: Terms,
    crew: Crew,
    pool: Pool,
    *,
    seed: int,
    initial: Int8s | None,  # noqa: ARG001
) -> Iterator[Round]:
    """Run rounds into `pool` until the clock ends them, yielding after each; one at least. Starts are always random.

    After the first, which tries both algorithms with several time steps, trajectories get twice as long whenever that
    lowers the mean or the best.
    """
    search = _Search(terms, crew, pool, _steps_of(terms.n), 1.0 / typical_change(terms), seed)
    algorithm, dt = search.tune()
    mean = math.inf
    while True:
        yield Round(search.best, search.parameters(algorithm, dt))
        if not crew.goes_on():
            return
        best, average = search.best, float(search.more(algorithm, dt).mean())
        if average < mean or search.best < best:
            search.steps = min(2 * search.steps, _STEPS_MAX)
        mean = min(mean, average)


class _Search:
    """Blocks of loops of one problem, numbered all through, and the best distinct states of all of them."""

    def __init__(
        self, terms: Terms, crew: Crew, pool: Pool, steps: int, coupling: float, seed: int, target: float = -math.inf
    ) -> None:
        self.steps = steps
        self.loops = 0
        self.best = math.inf
        self._pool = pool
        self._terms = terms
        self._crew = crew
        self._coupling = coupling
        self._seed = seed_array(seed)
        self._target = target
        self._landscape = landscape_of(terms)
        self._network = network_of(self._landscape, coupling)

    def parameters(self, algorithm: str, dt: float) -> Parameters:
        """Return the parameters that give this run again."""
        return {
            "steps": self.steps,
            "loops": max(self.loops, 1),
            "dt": dt,
            "coupling": self._coupling,
            "algorithm": algorithm,
        }

    def run(self, loops: float, algorithm: str, dt: float) -> None:
        """Run loops until there are `loops` in all, the crew's end, or the target."""
        while self.loops < loops and self._crew.goes_on() and self.best > self._target:
            count = int(min(loops - self.loops, _ROUND_BLOCKS * TRAJECTORIES))
            sizes = [min(TRAJECTORIES, count - first) for first in range(0, count, TRAJECTORIES)]
            self._round([(size, algorithm, dt) for size in sizes])
        if self.loops == 0:
            # The flag was up already: there must be a state all the same.
            self._round([(1, algorithm, dt)])

    def more(self, algorithm: str, dt: float) -> Float64s:
        """Run one more round of loops; return the mean cost of each of its blocks."""
        return np.array(self._round([(TRAJECTORIES, algorithm, dt)] * _ROUND_BLOCKS))

    def tune(self) -> tuple[str, float]:
        """Run a block for each algorithm and time step; return those with the lowest mean cost."""
        tried = [(algorithm, dt) for algorithm in (BALLISTIC, DISCRETE) for dt in _TRIED_DT]
        means = self._round([(TRAJECTORIES, algorithm, dt) for algorithm, dt in tried])
        return tried[int(np.argmin(means))]

    def _round(self, plans: list[tuple[int, str, float]]) -> list[float]:
        """Run a block for each (loops, algorithm, dt); return the mean cost of each that began."""
        tasks = []
        for size, algorithm, dt in plans:
            tasks.append(partial(self._block, self.loops, size, algorithm, dt))
            self.loops += size
        found = self._crew.run(tasks)
        for spins, energies, _ in found:
            self._pool.add(spins, energies)
            self.best = min(self.best, float(energies[0]))
        return [mean for *_, mean in found]

    def _block(
        self, first: int, size: int, algorithm: str, dt: float, tally: Float64s
    ) -> tuple[Int8s, Float64s, float]:
        spins, control = np.empty((TRAJECTORIES, self._terms.n), dtype=np.int8), self._crew.control
        network = self._network._replace(discrete=algorithm == DISCRETE)
        oscillators = oscillators_of(network)
        oscillate(network, oscillators, self.steps, float(dt), self._seed, first, spins, control, tally)
        energies = energy(self._terms, values_of(self._terms.kind, spins[:size]))
        mean = float(energies.mean())
        spins, energies = descend(self._landscape, spins[:size], energies, self._pool.size, control)
        tally[TALLY_BEST] = energies[0]
        return spins, energies, mean


def warm_bifurcation() -> None:
    """Compile what `bifurcate` calls, or load it from the cache."""
    bifurcate(Terms("ising", 2, np.ones(1), np.array([0, 2]), np.array([0, 1])), steps=1)
