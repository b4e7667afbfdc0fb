"""Compiling the closed set of kernels: each solver once on a tiny problem, then no compilation any more.

An example call rather than a list of signatures: it takes the way that jobs take, so the two cannot disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.ising import Terms, anneal, energy, temper
from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import spins_of
from kyanite_kernels.ising.temperature_range import beta_range
from kyanite_kernels.jit import close_entry_points
from kyanite_kernels.random_stream import seed_array

if TYPE_CHECKING:
    from collections.abc import Callable

_PAIR: Final = Terms("ising", 2, np.ones(1), np.array([0, 2]), np.array([0, 1]))


def _warm_energy() -> None:
    energy(_PAIR, np.ones((1, 2), dtype=np.int8))


def _warm_temperature_range() -> None:
    beta_range(landscape_of(_PAIR), seed_array(0), spins_of(_PAIR, None))


def _warm_annealing() -> None:
    anneal(_PAIR, sweeps=1, restarts=1, beta_start=0.1, beta_stop=1.0)


def _warm_tempering() -> None:
    temper(_PAIR, sweeps=1, betas=np.array([0.1, 1.0]))


_STEPS: Final = (
    ("energy", _warm_energy),
    ("temperature range", _warm_temperature_range),
    ("simulated annealing", _warm_annealing),
    ("parallel tempering", _warm_tempering),
)


def warm_all(progress: Callable[[str, float], None] | None) -> None:
    """Run every step, telling `progress`, and close the entry points."""
    for number, (name, step) in enumerate(_STEPS):
        if progress is not None:
            progress(name, number / len(_STEPS))
        step()
    close_entry_points()
    if progress is not None:
        progress("ready", 1.0)
