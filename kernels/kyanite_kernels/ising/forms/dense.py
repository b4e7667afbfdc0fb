"""The dense form: quadratic problems with many couplings, one replica at a time.

The couplings are a full matrix in the narrowest type that is exact. A sweep looks at blocks of 64 variables: one vector
comparison finds who would flip, the lowest does, the block's own fields follow, and the comparison is made again for
those above it. What flipped in a block then goes into all fields at once. The result is that of Metropolis attempts on
variables 0, 1, 2, ... one after the other, while a rejection costs next to nothing.

At beta = inf every change is taken that does not raise the cost, zero included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.forms.dense_layout import (
    BITS,
    BYTES,
    FLOATS,
    TOGETHER,
    WORDS,
    Dense,
    DenseState,
    dense_of,
    dense_state,
)
from kyanite_kernels.ising.forms.dense_rows import BLOCK, fresh_field, list_flips, may_flip, pass_on, scan
from kyanite_kernels.ising.forms.exponentials import (
    PIECE,
    begin_random,
    fill_extremes,
    fill_given_extreme,
    start_spin,
)
from kyanite_kernels.jit import part

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s
    from kyanite_kernels.random_stream import Seed

__all__ = [
    "LANES",
    "SHARED",
    "Dense",
    "DenseState",
    "copy_dense",
    "dense_of",
    "dense_state",
    "measure_dense",
    "spins_dense",
    "start_dense",
    "sweep_dense",
]

LANES: Final = 1
SHARED: Final = 1

_REFRESH_SWEEPS = 1024
_NONE, _ONE = np.uint64(0), np.uint64(1)


@part
def start_dense(form: Dense, state: DenseState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r to `initial` (spins, or UNSET), at random where unset, as restart or replica `first + r`."""
    state.sweeps[0] = 0
    for lane in range(state.spins.shape[0]):
        state.spins[lane, :] = _NONE
        for i in range(form.n):
            if start_spin(seed, first + lane, i, initial) > 0:
                state.spins[lane, i // BLOCK] |= _ONE << np.uint64(i % BLOCK)
        begin_random(state.random, lane, seed, first + lane)
    if form.layout == BITS:
        _fill_fields(form, state, form.bits, state.fields16)
    elif form.layout == BYTES:
        _fill_fields(form, state, form.bytes, state.fields16)
    elif form.layout == WORDS:
        _fill_fields(form, state, form.words, state.fields32)
    else:
        _refresh(form, state, 0, state.spins.shape[0], 0, form.n)


@part
def _fill_fields(form: Dense, state: DenseState, matrix: Any, fields: Any) -> None:
    # From all spins down, by flips: integers make no error on the way.
    for lane in range(fields.shape[0]):
        for i in range(form.n):
            fields[lane, i] = np.int64(form.all_down[i])
    for first in range(0, fields.shape[0], TOGETHER):
        last = min(first + TOGETHER, fields.shape[0])
        for word in range(state.spins.shape[1]):
            for lane in range(first, last):
                list_flips(word * BLOCK, state.spins[lane, word], _NONE, lane, state.flips[lane - first])
            pass_on(matrix, fields, state.flips, last - first)


@part
def _refresh(form: Dense, state: DenseState, first_lane: int, last_lane: int, begin: int, end: int) -> None:
    """Compute the fields of the variables begin..end-1 afresh, in all these lanes while a row is in the cache."""
    for i in range(begin, end):
        for lane in range(first_lane, last_lane):
            state.fields_float[lane, i] = form.bias[i] + fresh_field(form.floats, i, state.spins, lane, state.xi)


@part
def sweep_dense(form: Dense, state: DenseState, betas: Float64s, control: Control) -> bool:
    """Attempt every variable of every lane once, in order; False if stopped on the way."""
    for first in range(0, betas.size, TOGETHER):
        last = min(first + TOGETHER, betas.size)
        if form.layout == BITS:
            goes_on = _sweep_lanes(form, state, first, last, form.bits, state.fields16, betas, control)
        elif form.layout == BYTES:
            goes_on = _sweep_lanes(form, state, first, last, form.bytes, state.fields16, betas, control)
        elif form.layout == WORDS:
            goes_on = _sweep_lanes(form, state, first, last, form.words, state.fields32, betas, control)
        else:
            goes_on = _sweep_lanes(form, state, first, last, form.floats, state.fields_float, betas, control)
        if not goes_on:
            return False
        if form.layout == FLOATS:
            # A share of the fields each sweep: rounding errors do not pile up, and no sweep takes much longer.
            turn = state.sweeps[0] % _REFRESH_SWEEPS
            begin, end = form.n * turn // _REFRESH_SWEEPS, form.n * (turn + 1) // _REFRESH_SWEEPS
            _refresh(form, state, first, last, begin, end)
    state.sweeps[0] += 1
    return True


@part
def _sweep_lanes(
    form: Dense,
    state: DenseState,
    first_lane: int,
    last_lane: int,
    matrix: Any,
    fields: Any,
    betas: Float64s,
    control: Control,
) -> bool:
    for word in range(-(-form.n // BLOCK)):
        if stopped(control):
            return False
        lists = 0
        for lane in range(first_lane, last_lane):
            if word % PIECE == 0:
                fill_extremes(state.random, lane, state.extremes, lane - first_lane)
            extremes = state.extremes[lane - first_lane]
            lowest, highest = extremes[word % PIECE], extremes[PIECE + word % PIECE]
            scale = 1.0 / (betas[lane] * form.unit)
            flipped = _visit(form, state, lane, word, matrix, fields, scale, lowest, highest)
            if flipped:
                list_flips(word * BLOCK, flipped, state.spins[lane, word], lane, state.flips[lists])
                state.spins[lane, word] ^= flipped
                lists += 1
        if lists > 0:
            pass_on(matrix, fields, state.flips, lists)
    return True


@part
def _visit(
    form: Dense,
    state: DenseState,
    lane: int,
    word: int,
    matrix: Any,
    fields: Any,
    scale: float,
    lowest: float,
    highest: float,
) -> np.uint64:
    """Attempt the 64 variables of one word; return those that flip, with no change to the state but its random one.

    `lowest` is the lowest of the u to come, `highest` the highest threshold. In the cold it is mostly too low for any
    flip: then nothing else is drawn.
    """
    first = word * BLOCK
    place = lane * fields.shape[1] + first
    spins = state.spins[lane, word]
    todo = ~_NONE >> np.uint64(max(0, first + BLOCK - form.n))
    if not may_flip(fields, place, spins, highest, scale, form.limit) & todo:
        return _NONE
    fill_given_extreme(state.random, lane, state.xi, lowest, highest)
    return scan(matrix, fields, place, first, todo, spins, state.xi, scale, form.limit)


@part
def measure_dense(form: Dense, state: DenseState, energies: Float64s) -> None:
    """Write the energy of each lane, constant included, to `energies`, float64[B]."""
    for lane in range(energies.size):
        total = 0.0
        for i in range(form.n):
            if form.layout <= BYTES:
                field = float(state.fields16[lane, i])
            elif form.layout == WORDS:
                field = float(state.fields32[lane, i])
            else:
                field = float(state.fields_float[lane, i])
            both = field + form.bias[i]
            total += both if (state.spins[lane, i // BLOCK] >> np.uint64(i % BLOCK)) & _ONE else -both
        # A coupling is met from both its ends, doubled, and so is a bias.
        energies[lane] = form.constant + form.unit * (0.25 * total)


@part
def spins_dense(form: Dense, state: DenseState, lane: int, out: Int8s) -> None:
    """Write the spins of a lane to `out`, int8[n]."""
    for i in range(form.n):
        out[i] = 1 if (state.spins[lane, i // BLOCK] >> np.uint64(i % BLOCK)) & _ONE else -1


@part
def copy_dense(_form: Dense, from_state: DenseState, source: int, state: DenseState, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its random stream."""
    state.spins[target, :] = from_state.spins[source]
    if state.fields16.size:
        state.fields16[target, :] = from_state.fields16[source]
    if state.fields32.size:
        state.fields32[target, :] = from_state.fields32[source]
    if state.fields_float.size:
        state.fields_float[target, :] = from_state.fields_float[source]
