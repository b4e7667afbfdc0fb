"""The layout of the dense form: a full matrix of couplings in the narrowest type that is exact."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kyanite_kernels.ising.arrays import Quadratic, quadratic_of
from kyanite_kernels.ising.forms.dense_rows import BLOCK, FLIPS_SIZE, aligned, tiled
from kyanite_kernels.ising.forms.exponentials import PIECE, RANDOM, Float32s, UInt64s
from kyanite_kernels.ising.forms.weight_unit import weight_unit
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms

Int16s: TypeAlias = NDArray[np.int16]

N_MAX: Final = 16_384
"""Most variables of a dense problem."""
BYTES_MAX: Final = 1 << 30
"""Largest matrix of couplings in bytes."""

BITS: Final = 0
"""Layout: every pair is coupled, all by one size; fields int16."""
BYTES: Final = 1
"""Layout: couplings int8, fields int16."""
WORDS: Final = 2
"""Layout: couplings int16, fields int32."""
FLOATS: Final = 3
"""Layout: couplings and fields float32."""

TOGETHER: Final = 64
"""Lanes that visit a block one after the other, while the block's couplings are in the cache: B should not be less."""

_QUADRATIC_DEGREE = 2
_INT16_LIMIT = 32_767
_INT32_LIMIT = 1 << 30
_KINDS = (np.uint64, np.int8, np.int16, np.float32)


class Dense(NamedTuple):
    """`field_i = bias_i + sum_j weight_ij sigma_j` in units: flipping i changes the cost by `-unit sigma_i field_i`.

    Of the four matrices, each as `dense_rows.tiled`, only that of the layout is not empty. No fall is
    above `limit` - 1 units (floats: `limit` is infinite). `all_down`, float64[n], are the fields if all spins are -1.
    """

    n: int
    layout: int
    constant: float
    unit: float
    limit: float
    bias: Float64s
    all_down: Float64s
    bits: UInt64s
    bytes: Int8s
    words: Int16s
    floats: Float32s


class DenseState(NamedTuple):
    """B lanes: `spins`, uint64[B, blocks of 64], a bit each; fields, [B, more than n], in the type of the layout.

    `xi`, `extremes` and `flips` are scratch; `random` as in `forms.exponentials`; `sweeps`, int64[1].
    """

    spins: UInt64s
    fields16: Int16s
    fields32: Int32s
    fields_float: Float32s
    xi: Float32s
    extremes: Float32s
    flips: Int32s
    random: UInt64s
    sweeps: Int64s


def dense_of(terms: Terms) -> Dense | None:
    """Build the form; None for groups, a degree above 2, more than `N_MAX` variables or `BYTES_MAX` bytes.

    It fits any density, and is meant for those where a row of couplings is read faster than a list of neighbours.
    """
    if terms.group_scale.size or terms.degree > _QUADRATIC_DEGREE or not 0 < terms.n <= N_MAX:
        return None
    rows = quadratic_of(terms)
    owner = np.repeat(np.arange(terms.n), np.diff(rows.row_start))
    reach = np.abs(rows.bias) + np.bincount(owner, np.abs(rows.row_weight), minlength=terms.n)
    layout, unit = _layout_of(rows, float(reach.max()))
    if terms.n**2 * (0.125, 1, 2, 4)[layout] > BYTES_MAX:
        return None
    weight, bias = rows.row_weight / unit, rows.bias / unit
    if layout != FLOATS:
        weight, bias = np.rint(weight), np.rint(bias)
    matrices = [np.zeros((0, 0), kind) for kind in _KINDS]
    matrices[layout] = _matrix_of(rows, owner, weight, layout)
    limit = math.inf if layout == FLOATS else float(np.rint(reach.max() / unit)) + 1
    all_down = bias - np.bincount(owner, weight, minlength=terms.n)
    return Dense(terms.n, layout, rows.constant, unit, limit, bias, all_down, *matrices)


def _layout_of(rows: Quadratic, reach: float) -> tuple[int, float]:
    """Return the narrowest exact layout and its unit."""
    sizes = np.abs(rows.row_weight)
    largest = float(sizes.max(initial=0.0))
    unit = weight_unit(np.concatenate([rows.bias, rows.row_weight]), reach, _INT32_LIMIT)
    if unit is None or largest / unit > _INT16_LIMIT:
        # A power of two near the largest value: floats stay near 1, and nothing is rounded by it.
        return FLOATS, float(np.ldexp(1.0, int(np.frexp(reach)[1])))
    if reach / unit > _INT16_LIMIT - 1.5 or largest / unit > np.iinfo(np.int8).max + 0.5:
        return WORDS, unit
    n = rows.bias.size
    is_full = sizes.size == n * (n - 1) and bool((np.rint(sizes / unit) == 1).all())
    return (BITS if is_full else BYTES), unit


def _matrix_of(rows: Quadratic, owner: Int64s, weight: Float64s, layout: int) -> NDArray[Any]:
    size = -(-rows.bias.size // BLOCK) * BLOCK
    if layout == BITS:
        is_positive = np.zeros((size, size), dtype=np.bool_)
        is_positive[owner, rows.row_variable] = weight > 0
        return tiled(np.packbits(is_positive, axis=1, bitorder="little").view("<u8").astype(np.uint64))
    matrix = np.zeros((size, size), dtype=_KINDS[layout])
    matrix[owner, rows.row_variable] = weight
    return tiled(matrix)


def dense_state(form: Dense, lanes: int) -> DenseState:
    """Allocate `lanes` lanes; `start_dense` fills them."""
    blocks = -(-form.n // BLOCK)

    def fields(kind: DTypeLike, *layouts: int) -> NDArray[Any]:
        # One block more than needed: with a power of two, one column of all lanes would share few places of a cache.
        return aligned(lanes if form.layout in layouts else 0, BLOCK * (blocks + 1), kind)

    return DenseState(
        spins=np.zeros((lanes, blocks), dtype=np.uint64),
        fields16=fields(np.int16, BITS, BYTES),
        fields32=fields(np.int32, WORDS),
        fields_float=fields(np.float32, FLOATS),
        xi=np.zeros(BLOCK, dtype=np.float32),
        extremes=np.zeros((TOGETHER, 2 * PIECE), dtype=np.float32),
        flips=np.zeros((TOGETHER, FLIPS_SIZE), dtype=np.int32),
        random=np.zeros((lanes, RANDOM), dtype=np.uint64),
        sweeps=np.zeros(1, dtype=np.int64),
    )
