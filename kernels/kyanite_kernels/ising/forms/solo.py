"""The solo form: sparse quadratic problems, one replica at a time, for runs with few restarts.

Rows of neighbours and cached fields, as doubles. A sweep visits blocks of up to 16 variables of which no two are
neighbours, so that one vector comparison decides a whole block. Each variable's block follows those of all its lower
neighbours: such an order gives the very results of attempts on variables 0, 1, 2, ... one after the other. (An order by
colours would make wider blocks, but quenches a lattice to visibly higher energies.)
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.arrays import quadratic_of
from kyanite_kernels.ising.forms.exponentials import (
    PIECE,
    RANDOM,
    XI_MAX,
    Float32s,
    UInt32s,
    UInt64s,
    begin_random,
    fill_exponentials,
    start_spin,
)
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import Seed
from kyanite_kernels.simd import at_least, bits_of, broadcast, convert, load, lowest_bit, mul, select, sub

LANES: Final = 1
SHARED: Final = 1

BLOCK: Final = 16
"""Variables decided at once, at most."""

_QUADRATIC_DEGREE = 2
_DRAWS_MAX = 256
_BLOCKS_A_LOOK = 64
_REFRESH_SWEEPS = 256
_ONE = np.uint64(1)


class Solo(NamedTuple):
    """Rows as in `arrays.Quadratic`, for positions 0..n-1 in place of variables.

    `field_p = bias_p + sum_q weight_pq sigma_q`, and a flip changes the cost by `-sigma_p field_p`. `variable`,
    int32[n], is the one at each position; block b holds the positions `block_start[b]:block_start[b + 1]`, at most 16,
    of which no two are neighbours.
    """

    n: int
    constant: float
    bias: Float64s
    row_start: Int64s
    row_position: UInt32s
    row_weight: Float64s
    variable: Int32s
    block_start: Int64s


class SoloState(NamedTuple):
    """B lanes. Rows of `spins` and `fields` are 16 longer than n, so that a block may be read whole at any position.

    `xi` is scratch, `XI_MAX` from 256 on; `random` as in `forms.exponentials`; `sweeps`, int64[B], counts those made.
    """

    spins: Int8s
    fields: Float64s
    xi: Float32s
    random: UInt64s
    sweeps: Int64s


def solo_of(terms: Terms) -> Solo | None:
    """Build the form, or None for groups or a degree above 2. Any weights, any density; meant for sparse rows."""
    if terms.group_scale.size or terms.degree > _QUADRATIC_DEGREE:
        return None
    constant, bias, start, neighbour, weight = quadratic_of(terms)
    block, blocks = np.empty(terms.n, dtype=np.int32), 0
    if terms.n:
        blocks = int(_blocks(start, neighbour, block))
    variable = np.argsort(block, kind="stable").astype(np.int32)
    position = np.empty(terms.n, dtype=np.int32)
    position[variable] = np.arange(terms.n, dtype=np.int32)
    row_start = np.zeros(terms.n + 1, dtype=np.int64)
    np.cumsum(np.diff(start)[variable], out=row_start[1:])
    # One after the other, and by loops: this is where a long problem takes most memory.
    row_position = np.empty(neighbour.size, dtype=np.uint32)
    _move_neighbours(start, neighbour, variable, position, row_position)
    del neighbour
    row_weight = np.empty(weight.size)
    _move_weights(start, weight, variable, row_weight)
    return Solo(
        n=terms.n,
        constant=constant,
        bias=bias[variable],
        row_start=row_start,
        row_position=row_position,
        row_weight=row_weight,
        variable=variable,
        block_start=np.searchsorted(block[variable], np.arange(blocks + 1)).astype(np.int64),
    )


def solo_state(form: Solo, lanes: int) -> SoloState:
    """Allocate `lanes` lanes; `start_solo` fills them."""
    return SoloState(
        spins=np.ones((lanes, form.n + BLOCK), dtype=np.int8),
        fields=np.zeros((lanes, form.n + BLOCK), dtype=np.float64),
        xi=np.full(_DRAWS_MAX + BLOCK, XI_MAX, dtype=np.float32),
        random=np.zeros((lanes, RANDOM), dtype=np.uint64),
        sweeps=np.zeros(lanes, dtype=np.int64),
    )


@kernel
def _move_neighbours(row_start: Int64s, neighbour: Int32s, variable: Int32s, position: Int32s, moved: UInt32s) -> None:
    """Write the row of each position's variable, one after another, with positions for variables."""
    to = 0
    for p in range(variable.size):
        for a in range(row_start[variable[p]], row_start[variable[p] + 1]):
            moved[to] = position[neighbour[a]]
            to += 1


@kernel
def _move_weights(row_start: Int64s, weight: Float64s, variable: Int32s, moved: Float64s) -> None:
    """Write the weights likewise."""
    to = 0
    for p in range(variable.size):
        for a in range(row_start[variable[p]], row_start[variable[p] + 1]):
            moved[to] = weight[a]
            to += 1


@kernel
def _blocks(row_start: Int64s, row_variable: Int32s, block: Int32s) -> int:
    """Write a block number for each variable: the first one with room that follows all its lower neighbours.

    Return how many blocks there are.
    """
    n = block.size
    size = np.zeros(n + 1, dtype=np.int32)
    # The next block that may have room, halving paths as in union-find, so that full blocks are passed quickly.
    after = np.arange(n + 2, dtype=np.int32)
    blocks = 0
    for i in range(n):
        b = 0
        for a in range(row_start[i], row_start[i + 1]):
            if row_variable[a] < i:
                b = max(b, block[row_variable[a]] + 1)
        while after[b] != b:
            after[b] = after[after[b]]
            b = after[b]
        block[i] = b
        size[b] += 1
        if size[b] == BLOCK:
            after[b] = b + 1
        blocks = max(blocks, b + 1)
    return blocks


@part
def _refresh(form: Solo, state: SoloState, lane: int, first: int, last: int) -> None:
    """Compute the fields at the positions first..last-1 of a lane afresh."""
    spins = state.spins[lane]
    for p in range(first, last):
        field = form.bias[p]
        for a in range(form.row_start[p], form.row_start[p + 1]):
            field += form.row_weight[a] * spins[form.row_position[a]]
        state.fields[lane, p] = field


@part
def start_solo(form: Solo, state: SoloState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r to `initial` (spins, or UNSET), at random where unset, as restart or replica `first + r`."""
    for lane in range(state.spins.shape[0]):
        for p in range(form.n):
            state.spins[lane, p] = start_spin(seed, first + lane, form.variable[p], initial)
        begin_random(state.random, lane, seed, first + lane)
        _refresh(form, state, lane, 0, form.n)
        state.sweeps[lane] = 0


@part
def _accepted(state: SoloState, place: int, draw: int, temperature: float) -> np.uint64:
    """Return a word: bit k set if the variable at `place + k` of the flat arrays would flip, given draw `draw + k`."""
    field = load(state.fields, place, BLOCK)
    up = at_least(load(state.spins, place, BLOCK), broadcast(0, np.int8, BLOCK))
    fall = select(up, field, sub(broadcast(0.0, np.float64, BLOCK), field))
    xi = convert(load(state.xi, draw, BLOCK), np.float64)
    word: np.uint64 = bits_of(at_least(fall, mul(xi, broadcast(-temperature, np.float64, BLOCK))))
    return word


@part
def _flip_all(form: Solo, spins: Int8s, fields: Float64s, first: int, word: np.uint64) -> None:
    while word:
        p = first + lowest_bit(word)
        word &= word - _ONE
        change = -2.0 * spins[p]
        spins[p] = -spins[p]
        for a in range(form.row_start[p], form.row_start[p + 1]):
            fields[form.row_position[a]] += change * form.row_weight[a]


@part
def _sweep_lane(form: Solo, state: SoloState, lane: int, beta: float, control: Control) -> bool:
    temperature = 1.0 / beta
    row = lane * state.spins.shape[1]
    spins, fields = state.spins[lane], state.fields[lane]
    draw, drawn = 0, 0
    for block in range(form.block_start.size - 1):
        if block % _BLOCKS_A_LOOK == 0 and stopped(control):
            return False
        first = form.block_start[block]
        count = form.block_start[block + 1] - first
        those = (_ONE << np.uint64(count)) - _ONE
        # Where no draw at all could lead to a flip, as mostly in the cold, none is made.
        if not _accepted(state, row + first, _DRAWS_MAX, temperature) & those:
            continue
        if draw + BLOCK > drawn:
            draw, drawn = 0, min(_DRAWS_MAX, (form.n - first + PIECE - 1) // PIECE * PIECE)
            fill_exponentials(state.random, lane, state.xi, drawn, 0.0)
        _flip_all(form, spins, fields, first, _accepted(state, row + first, draw, temperature) & those)
        draw += count
    return True


@part
def sweep_solo(form: Solo, state: SoloState, betas: Float64s, control: Control) -> bool:
    """Attempt every variable of every lane once, in the order of positions; False if stopped on the way."""
    for lane in range(betas.size):
        if not _sweep_lane(form, state, lane, betas[lane], control):
            return False
        # A share of the fields each sweep: rounding errors do not pile up, and no sweep takes much longer.
        turn = state.sweeps[lane] % _REFRESH_SWEEPS
        _refresh(form, state, lane, form.n * turn // _REFRESH_SWEEPS, form.n * (turn + 1) // _REFRESH_SWEEPS)
        state.sweeps[lane] += 1
    return True


@part
def measure_solo(form: Solo, state: SoloState, energies: Float64s) -> None:
    """Write the energy of each lane, constant included, to `energies`, float64[B]."""
    for lane in range(energies.size):
        quadruple = 0.0
        for p in range(form.n):
            quadruple += state.spins[lane, p] * (0.25 * state.fields[lane, p] + 0.25 * form.bias[p])
        energies[lane] = form.constant + quadruple


@part
def spins_solo(form: Solo, state: SoloState, lane: int, out: Int8s) -> None:
    """Write the spins of a lane to `out`, int8[n], by variable."""
    for p in range(form.n):
        out[form.variable[p]] = state.spins[lane, p]


@part
def copy_solo(form: Solo, from_state: SoloState, source: int, state: SoloState, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its random stream."""
    for p in range(form.n):
        state.spins[target, p] = from_state.spins[source, p]
        state.fields[target, p] = from_state.fields[source, p]
    state.sweeps[target] = from_state.sweeps[source]


def warm_solo() -> None:
    """Compile the entry point of this module."""
    solo_of(Terms("ising", 2, np.ones(1), np.array([0, 2]), np.array([0, 1])))
