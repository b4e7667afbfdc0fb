"""When a parameter-free search may stop: independent runs keep meeting the same best."""

from __future__ import annotations

import math

from kyanite_kernels.ising.terms import Float64s

_AGREEING_RUNS_MIN = 8
_AGREEING_SHARE = 0.5
_AGREEING_ROUNDS = 2
_WORK_FACTOR = 16
_SHARE_MIN = 0.2
_ATTEMPTS_MIN = 2_000_000
_CONFIGURATIONS_FACTOR = 4


class Evidence:
    """Counts how often independent runs met the best cost, and the work since it was first met.

    Suffices when in two rounds in a row half of at least eight runs met the best known before, or when `hits_min` runs
    met it, a fifth of the last round among them; but not before the work has grown to sixteen times that of the first
    meeting, nor before a floor of attempts: on a landscape of one deep hole, short runs agree on the wrong minimum.
    """

    def __init__(self, n: int, tolerance: float, hits_min: int = 10) -> None:
        """Start without evidence on `n` variables; energies within `tolerance` count as equal.

        The floor is four times the number of configurations, at most two million attempts.
        """
        configurations = 2 ** min(n, _ATTEMPTS_MIN.bit_length())
        self._work_min = min(_CONFIGURATIONS_FACTOR * configurations, _ATTEMPTS_MIN) / n
        self._tolerance = tolerance
        self._hits_min = hits_min
        self._best = math.inf
        self._hits = 0
        self._work = 0
        self._work_at_best = 0
        self._rounds = 0

    def suffices(self, energies: Float64s, sweeps: int) -> bool:
        """Take in one round, the best energies float64[k] of k runs of `sweeps` sweeps (of n attempts), and judge."""
        if energies.size == 0:
            return False
        self._work += energies.size * sweeps
        improved = float(energies.min()) < self._best - self._tolerance
        if improved:
            self._best, self._hits, self._work_at_best = float(energies.min()), 0, self._work
        hits = int((energies <= self._best + self._tolerance).sum())
        self._hits += hits
        agrees = energies.size >= _AGREEING_RUNS_MIN and hits >= _AGREEING_SHARE * energies.size
        self._rounds = self._rounds + 1 if agrees and not improved else 0
        shared = hits >= _SHARE_MIN * energies.size
        worked = self._work >= _WORK_FACTOR * self._work_at_best
        agreed = self._rounds >= _AGREEING_ROUNDS or (self._hits >= self._hits_min and shared)
        return agreed and worked and self._work >= self._work_min
