"""The lanes form as arrays: number types chosen from exact bounds, rows of neighbours, and the state of the lanes.

For spins sigma = -1/+1 the cost is `constant + unit * sum_i sigma_i (bias_i + field_i) / 4`, where the field of a
variable is `field_i = bias_i + sum_j weight_ij sigma_j`, in units; flipping it changes the cost by
`-unit * sigma_i * field_i`. Kernels compute halves, `half_i = (field_i - odd_i) / 2`. A flip changes a field by twice a
weight, so where weights are integers the parity odd_i is fixed, halves are integers, and int8 holds fields up to 255.
Their arithmetic is modulo 2^bits, and exact because the true halves fit. For other weights halves are float32.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kyanite_kernels.ising.arrays import Quadratic, quadratic_of
from kyanite_kernels.ising.forms.weight_unit import weight_unit
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s, Terms
from kyanite_kernels.simd import VECTOR_BYTES

LANES: Final = 64
"""A block holds a multiple of this many lanes, one word of spins."""
TILE: Final = 128
"""Rows for which thresholds are drawn at once. So many fields up to 255 add up within int16."""

_WHOLE_TYPES: Final = ((255, np.int8), (65535, np.int16))
_FALLS: Final = {"b": np.int16, "h": np.int32, "f": np.float32}
"""Falls of the cost within a tile are added up in these."""
_LOWEST: Final = {"b": -128.0, "h": -32768.0, "f": -3.0e38}
_DEGREE_MAX: Final = 2
_RESOLUTION: Final = 2.0**-20
_CHAIN: Final = (np.array([0, 2, 4]), np.array([0, 1, 1, 2]))

Numbers: TypeAlias = NDArray[Any]
Float32s: TypeAlias = NDArray[np.float32]


class LanesForm(NamedTuple):
    """The problem in units. Halves and weights are int8 or int16, modulo 2^bits, or float32.

    `base` are the halves where all spins are -1, `lowest` the least of their type, `odd` the parities (0 for floats).
    `row_weight` holds a weight's bits again and again: the machine broadcasts 32 bits while it loads them.
    """

    constant: float
    unit: float
    lowest: float
    is_whole: bool
    bias: Float64s
    odd: Int8s
    shift: Float32s
    base: Numbers
    row_start: Int64s
    row_variable: Int32s
    row_weight: Int32s


class LanesState(NamedTuple):
    """Lanes in words of 64: lane k is bit k mod 64 of word k // 64.

    `up` [words, n] has a bit where the spin is +1; `energies` [words, 64] in units, without the constant; `random`
    [words, 4, 64]: the generators; `sweeps` [1]: sweeps done. The rest is scratch: `scales` [words, 64], `thresholds`
    [TILE, 64], and `falls` [64], by how much costs fell, in a type that holds the sum over a tile.
    """

    up: NDArray[np.uint64]
    energies: Float64s
    random: NDArray[np.uint32]
    sweeps: Int64s
    scales: Float32s
    thresholds: Numbers
    falls: Numbers


def lanes_form_of(terms: Terms) -> LanesForm | None:
    """Build the form. None for groups and for degrees above 2, and where float32 cannot resolve the weights.

    The latter is where half of the weights lie below 2^-20 of the largest possible field.
    """
    if terms.group_scale.size or terms.degree > _DEGREE_MAX:
        return None
    quadratic = quadratic_of(terms)
    reach = np.abs(quadratic.bias) + _row_sums(quadratic, np.abs(quadratic.row_weight))
    largest = float(reach.max(initial=0.0))
    values = np.concatenate([quadratic.bias, quadratic.row_weight])
    for multiple_max, dtype in _WHOLE_TYPES:
        unit = weight_unit(values, largest, multiple_max)
        if unit is not None:
            return _form(quadratic, unit, dtype)
    sizes = np.abs(values[values != 0])
    # A power of two, so that nothing is rounded; the largest field is near 1 and cannot overflow.
    return _form(quadratic, 2.0 ** np.frexp(largest)[1], np.float32) if _resolved(sizes, largest) else None


def lanes_state(form: LanesForm, lanes: int) -> LanesState:
    """Allocate a block of lanes, a multiple of `LANES`; `start_lanes` fills it."""
    dtype = form.base.dtype
    words = lanes // LANES
    return LanesState(
        up=np.zeros((words, form.bias.size), dtype=np.uint64),
        energies=_aligned((words, LANES), np.float64),
        random=_aligned((words, 4, LANES), np.uint32),
        sweeps=np.zeros(1, dtype=np.int64),
        scales=_aligned((words, LANES), np.float32),
        thresholds=_aligned((TILE, LANES), dtype),
        falls=_aligned((LANES,), _FALLS[dtype.char]),
    )


def _aligned(shape: tuple[int, ...], dtype: DTypeLike) -> Numbers:
    """Allocate zeros from a cache line's start on: a register that straddles two lines takes twice the time."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + VECTOR_BYTES, dtype=np.uint8)
    skipped = -memory.ctypes.data % VECTOR_BYTES
    return memory[skipped : skipped + size].view(dtype).reshape(shape)


def lanes_examples() -> tuple[Terms, ...]:
    """Return one tiny problem for each number type, for which a kernel over this form is compiled."""
    return tuple(
        Terms("ising", 3, np.array(weights), *_CHAIN) for weights in ((1.0, 1.0), (1.0, 300.0), (1.0, math.pi))
    )


def _row_sums(quadratic: Quadratic, values: Float64s) -> Float64s:
    row = np.repeat(np.arange(quadratic.bias.size), np.diff(quadratic.row_start))
    return np.bincount(row, values, minlength=quadratic.bias.size).astype(np.float64, copy=False)


def _resolved(sizes: Float64s, largest: float) -> bool:
    return bool(np.median(sizes) >= _RESOLUTION * largest)


def _form(quadratic: Quadratic, unit: float, dtype: type[np.generic]) -> LanesForm:
    is_whole = np.issubdtype(dtype, np.integer)
    bias, weight = quadratic.bias / unit, quadratic.row_weight / unit
    if is_whole:
        bias, weight = np.rint(bias), np.rint(weight)
    total = _row_sums(quadratic, weight)
    odd = (bias + total) % 2 if is_whole else np.zeros(bias.size)
    return LanesForm(
        constant=quadratic.constant,
        unit=unit,
        lowest=_LOWEST[np.dtype(dtype).char],
        is_whole=is_whole,
        bias=bias,
        odd=odd.astype(np.int8),
        shift=(-odd / 2).astype(np.float32),
        base=_typed((bias - total - odd) / 2, dtype),
        row_start=quadratic.row_start,
        row_variable=quadratic.row_variable,
        row_weight=np.repeat(_typed(weight, dtype), 4 // np.dtype(dtype).itemsize).view(np.int32),
    )


def _typed(values: Float64s, dtype: type[np.generic]) -> Numbers:
    # Integers by way of int64, which wraps; a float out of range would not.
    return values.astype(np.int64).astype(dtype) if np.issubdtype(dtype, np.integer) else values.astype(dtype)
