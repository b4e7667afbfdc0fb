"""Replica exchange, compiled: the loop under both forms of parallel tempering."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.lanes import Lanes, keep_best, lanes_of, settle, start, sweep
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s
from kyanite_kernels.ising.watch import Watch
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import EXCHANGE, Seed, fill_thresholds, stream

_SWEEP: Final = 0
_RANK: Final = 1
_ATTEMPT: Final = 2

_SETTLED_MAX: Final = 64


@part
def _exchange(lanes: Lanes, betas: Float64s, order: Int64s, tries: Int64s, seed: Seed, index: int, number: int) -> None:
    offset, gamma = stream(seed, index, EXCHANGE)
    for rank in range(number % 2, betas.size - 1, 2):
        cold, hot = order[rank + 1], order[rank]
        fill_thresholds(lanes.thresholds, 1, offset, gamma, number * betas.size + rank, 1.0)
        drive = (betas[rank + 1] - betas[rank]) * (lanes.energy[cold] - lanes.energy[hot])
        tries[0, rank] += 1
        if drive >= lanes.thresholds[0]:
            tries[1, rank] += 1
            order[rank], order[rank + 1] = cold, hot


@kernel
def _temper(
    landscape: Landscape,
    lanes: Lanes,
    betas: Float64s,
    order: Int64s,
    tries: Int64s,
    seed: Seed,
    first_index: int,
    initial: Int8s,
    clock: Int64s,
    sweeps: int,
    attempts: int,
) -> None:
    n = landscape.n
    while attempts > 0 and clock[_SWEEP] < sweeps:
        lane, attempt = order[clock[_RANK]], clock[_SWEEP] * n + clock[_ATTEMPT]
        index = first_index + lane
        if attempt == 0:
            start(landscape, lanes, lane, seed, index, initial)
        after = sweep(landscape, lanes, lane, betas[clock[_RANK]], seed, index, attempt, attempts)
        attempts -= after - attempt
        clock[_ATTEMPT] += after - attempt
        if clock[_ATTEMPT] == n:
            clock[_ATTEMPT] = 0
            clock[_RANK] += 1
        if clock[_RANK] == betas.size:
            clock[_RANK] = 0
            _exchange(lanes, betas, order, tries, seed, first_index, clock[_SWEEP])
            clock[_SWEEP] += 1
    for lane in range(betas.size):
        keep_best(lanes, lane)


@kernel
def _settle(landscape: Landscape, lanes: Lanes, lane: int) -> None:
    settle(landscape, lanes, lane)


@dataclass(slots=True)
class TemperingRun:
    """The state of a run: what is tempered, from where, and what came of it so far.

    Replica r of a round is a function of (seed, first index of the round + r) and of the exchanges it took part in.
    """

    landscape: Landscape
    seed: Seed
    initial: Int8s
    pool: Pool
    watch: Watch
    best: float = np.inf
    sweeps_done: int = 0
    first_index: int = 0
    exchange_rates: Float64s = field(default_factory=lambda: np.zeros(0, dtype=np.float64))

    def temper(self, betas: Float64s, sweeps: int, fraction_end: float = 1.0) -> float:
        """Run one round of fresh replicas at rising `betas` until the watch ends it; return its best energy.

        Afterwards `exchange_rates`, float64[R - 1], holds the accepted share of the exchanges of each pair.
        """
        lanes = lanes_of(self.landscape, betas.size)
        order = np.arange(betas.size, dtype=np.int64)
        tries = np.zeros((2, betas.size), dtype=np.int64)
        clock = np.zeros(3, dtype=np.int64)
        begun = self.sweeps_done
        while clock[_SWEEP] < sweeps:
            self.watch.slice(
                lambda attempts: _temper(
                    self.landscape,
                    lanes,
                    betas,
                    order,
                    tries,
                    self.seed,
                    self.first_index,
                    self.initial,
                    clock,
                    sweeps,
                    attempts,
                )
            )
            self.sweeps_done = begun + int(clock[_SWEEP])
            self._report(lanes, int(clock[_SWEEP]) / sweeps * fraction_end)
            if not self.watch.goes_on():
                break
        self.first_index += betas.size
        self.exchange_rates = tries[1, :-1] / np.maximum(tries[0, :-1], 1)
        return self._collect(lanes)

    def _report(self, lanes: Lanes, fraction: float) -> None:
        self.best = min(self.best, float(lanes.best_energy.min()))
        self.watch.report(fraction, self.best, self.sweeps_done)

    def _collect(self, lanes: Lanes) -> float:
        begun = lanes.best_energy < np.inf
        ranked = [int(lane) for lane in np.argsort(lanes.best_energy) if begun[lane]]
        # The best one settles even after the deadline (bounded: about 10 ms).
        for position, lane in enumerate(ranked[:_SETTLED_MAX]):
            if self.watch.stopped or (position > 0 and not self.watch.goes_on()):
                break
            _settle(self.landscape, lanes, lane)
        self.pool.add(lanes.best_spins[begun], lanes.best_energy[begun])
        best = float(lanes.best_energy.min())
        self.best = min(self.best, best)
        return best
