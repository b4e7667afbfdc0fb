"""Restarts of simulated annealing, compiled: the loop under both forms of the algorithm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.lanes import Lanes, keep_best, lanes_of, settle, start, sweep
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s
from kyanite_kernels.ising.watch import Watch
from kyanite_kernels.jit import kernel
from kyanite_kernels.random_stream import Seed

_RESTART: Final = 0
_ATTEMPT: Final = 1
_FINISHED: Final = 2

_FINISHED_MAX = 64
_FINISHED_BYTES = 1 << 26


class Schedule(NamedTuple):
    """Sweeps of one restart, with beta linear from `beta_start` to `beta_stop`."""

    sweeps: int
    beta_start: float
    beta_stop: float


class Finished(NamedTuple):
    """Best states of restarts that ended: spins int8[capacity, n], energy float64[capacity]."""

    spins: Int8s
    energy: Float64s


@kernel
def _anneal(
    landscape: Landscape,
    lanes: Lanes,
    schedule: Schedule,
    seed: Seed,
    initial: Int8s,
    clock: Int64s,
    finished: Finished,
    restarts_end: int,
    attempts: int,
) -> None:
    n = landscape.n
    step = (schedule.beta_stop - schedule.beta_start) / max(schedule.sweeps - 1, 1)
    while attempts > 0 and clock[_RESTART] < restarts_end and clock[_FINISHED] < finished.energy.size:
        restart, attempt = clock[_RESTART], clock[_ATTEMPT]
        if attempt == 0:
            start(landscape, lanes, 0, seed, restart, initial)
        number = attempt // n
        beta = schedule.beta_stop if number == schedule.sweeps - 1 else schedule.beta_start + step * number
        clock[_ATTEMPT] = sweep(landscape, lanes, 0, beta, seed, restart, attempt, attempts)
        attempts -= clock[_ATTEMPT] - attempt
        if clock[_ATTEMPT] == n * schedule.sweeps:
            settle(landscape, lanes, 0)
            finished.spins[clock[_FINISHED], :] = lanes.best_spins[0]
            finished.energy[clock[_FINISHED]] = lanes.best_energy[0]
            clock[_FINISHED] += 1
            clock[_RESTART] += 1
            clock[_ATTEMPT] = 0
    keep_best(lanes, 0)


def _finished_of(n: int) -> Finished:
    capacity = max(1, min(_FINISHED_MAX, _FINISHED_BYTES // max(n, 1)))
    return Finished(np.ones((capacity, n), dtype=np.int8), np.full(capacity, np.inf))


@dataclass(slots=True)
class AnnealingRun:
    """The state of a run: what is annealed, from where, and what came of it so far.

    Restart r is a function of (seed, r) and its schedule alone.
    """

    landscape: Landscape
    seed: Seed
    initial: Int8s
    pool: Pool
    watch: Watch
    best: float = np.inf
    restarts: int = 0
    sweeps_done: int = 0
    _lanes: Lanes = field(init=False)
    _finished: Finished = field(init=False)

    def __post_init__(self) -> None:
        """Allocate one lane and the room for finished restarts."""
        self._lanes = lanes_of(self.landscape, 1)
        self._finished = _finished_of(self.landscape.n)

    def anneal(self, schedule: Schedule, restarts: int, fraction_end: float = 1.0) -> Float64s:
        """Run the next `restarts` restarts until the watch ends it; return the energies of those that finished.

        `fraction_end` is the share of the whole run that is done afterwards, for the progress report.
        """
        clock = np.array([self.restarts, 0, 0], dtype=np.int64)
        begun = (self.restarts, self.sweeps_done)
        energies: list[Float64s] = []
        while clock[_RESTART] < begun[0] + restarts:
            self.watch.slice(lambda attempts: self._advance(schedule, clock, begun[0] + restarts, attempts))
            energies.append(self._collect(clock))
            sweeps = (int(clock[_RESTART]) - begun[0]) * schedule.sweeps + int(clock[_ATTEMPT]) // self.landscape.n
            self.sweeps_done = begun[1] + sweeps
            share = sweeps / (restarts * schedule.sweeps) * fraction_end
            self.watch.report(share, self.best, self.sweeps_done, int(clock[_RESTART]))
            if not self.watch.goes_on():
                break
        if clock[_ATTEMPT] > 0:
            self.pool.add(self._lanes.best_spins, self._lanes.best_energy)
        self.restarts = int(clock[_RESTART])
        return np.concatenate(energies)

    def _advance(self, schedule: Schedule, clock: Int64s, restarts_end: int, attempts: int) -> None:
        _anneal(
            self.landscape,
            self._lanes,
            schedule,
            self.seed,
            self.initial,
            clock,
            self._finished,
            restarts_end,
            attempts,
        )

    def _collect(self, clock: Int64s) -> Float64s:
        count = int(clock[_FINISHED])
        clock[_FINISHED] = 0
        energies = self._finished.energy[:count].copy()
        self.pool.add(self._finished.spins[:count], energies)
        running = self._lanes.best_energy[0] if clock[_ATTEMPT] > 0 else np.inf
        self.best = float(min(self.best, energies.min(initial=np.inf), running))
        return energies
