"""The general form: any degree, squared groups, any weights, in doubles, one lane at a time.

It is the form of last resort for sampling: exact for everything, and slow. See `arrays.Landscape` and `lanes`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising import lanes as single
from kyanite_kernels.ising.arrays import Landscape, landscape_of
from kyanite_kernels.ising.lanes import Lanes
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s, Terms
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import Seed

LANES: Final = 1
SHARED: Final = 1
_ATTEMPTS_A_LOOK = 2048


class GeneralState(NamedTuple):
    """B lanes of `lanes.Lanes`; `seed`, `number` [B] and `sweeps` [B] are where each random stream stands."""

    lanes: Lanes
    seed: Seed
    number: Int64s
    sweeps: Int64s


def general_of(terms: Terms) -> Landscape:
    """Build the form; every problem fits."""
    return landscape_of(terms)


def general_state(form: Landscape, lanes: int) -> GeneralState:
    """Allocate a block of lanes; `start_general` fills it."""
    return GeneralState(
        lanes=single.lanes_of(form, lanes),
        seed=np.zeros(1, dtype=np.uint64),
        number=np.zeros(lanes, dtype=np.int64),
        sweeps=np.zeros(lanes, dtype=np.int64),
    )


@part
def start_general(form: Landscape, state: GeneralState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r to `initial` (spins, or UNSET), at random where unset, as restart or replica `first + r`."""
    state.seed[0] = seed[0]
    for lane in range(state.number.size):
        state.number[lane] = first + lane
        state.sweeps[lane] = 0
        single.start(form, state.lanes, lane, seed, first + lane, initial)


@part
def sweep_general(form: Landscape, state: GeneralState, betas: Float64s, control: Control) -> bool:
    """Attempt every variable of every lane once, in order; False if stopped on the way."""
    for lane in range(state.number.size):
        attempt = state.sweeps[lane] * form.n
        end = attempt + form.n
        while attempt < end:
            if stopped(control):
                return False
            attempt = single.sweep(
                form, state.lanes, lane, betas[lane], state.seed, state.number[lane], attempt, _ATTEMPTS_A_LOOK
            )
        state.sweeps[lane] += 1
    return True


@part
def measure_general(_form: Landscape, state: GeneralState, energies: Float64s) -> None:
    """Write the energy of each lane, constant included, to `energies`, float64[B]."""
    energies[:] = state.lanes.energy


@part
def spins_general(_form: Landscape, state: GeneralState, lane: int, out: Int8s) -> None:
    """Write the spins of a lane to `out`, int8[n]."""
    out[:] = state.lanes.spins[lane]


@part
def copy_general(_form: Landscape, from_state: GeneralState, source: int, state: GeneralState, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its random stream."""
    state.lanes.spins[target, :] = from_state.lanes.spins[source]
    state.lanes.fields[target, :] = from_state.lanes.fields[source]
    state.lanes.tally[target, :] = from_state.lanes.tally[source]
    state.lanes.sums[target, :] = from_state.lanes.sums[source]
    state.lanes.energy[target] = from_state.lanes.energy[source]
