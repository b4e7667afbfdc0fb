"""Random numbers for kernels: SplitMix64 read by counter.

Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (the mixing
constants are David Stafford's variant 13). Draw k of a stream is `mix(offset + k * gamma)`, so a draw is a function of
its index: results cannot depend on where a run was cut into slices, and a loop over draws vectorises. Each
(seed, index, purpose) has its own offset and its own odd gamma, hence its own permutation of the 64-bit cycle.

Every operand is `uint64`: mixed with a signed integer, numba would widen to float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from kyanite_kernels.jit import part

if TYPE_CHECKING:
    from collections.abc import Callable

Seed: TypeAlias = NDArray[np.uint64]
"""Shape [1]: an array, because a Python integer would arrive in a kernel as int64."""

START: Final = 0
"""Purpose: the random values of a start configuration."""
ACCEPTANCE: Final = 1
"""Purpose: Metropolis acceptance, one draw an attempt."""
EXCHANGE: Final = 2
"""Purpose: replica exchange, one draw a pair and sweep."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_ALTERNATING = np.uint64(0xAAAAAAAAAAAAAAAA)
_TRANSITIONS_MIN = np.uint64(24)
_PAIRS, _NIBBLES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_BYTES, _EACH_BYTE = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
_ONE, _SHIFT_27, _SHIFT_30, _SHIFT_31 = np.uint64(1), np.uint64(27), np.uint64(30), np.uint64(31)
_SHIFT_2, _SHIFT_4, _SHIFT_56 = np.uint64(2), np.uint64(4), np.uint64(56)
_SHIFT_12, _SHIFT_52 = np.uint64(12), np.int64(52)
_BITS_OF_ONE = np.uint64(0x3FF0000000000000)
_BITS_OF_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_ONE_LESS_ULP = 1.0 - 2.0**-53
_LN_2 = 0.6931471805599453

_Emitter: TypeAlias = "tuple[Any, Callable[..., Any]]"


@intrinsic
def _as_float64(_typing: Any, _bits: Any) -> _Emitter:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), emit


@intrinsic
def _as_uint64(_typing: Any, _value: Any) -> _Emitter:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), emit


def seed_array(seed: int) -> Seed:
    """Return `seed` (any integer, taken modulo 2^64) as kernels want it."""
    return np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)


@part
def mix(word: np.uint64) -> np.uint64:
    """Mix 64 bits into 64 bits, one to one."""
    word = (word ^ (word >> _SHIFT_30)) * _MIX_1
    word = (word ^ (word >> _SHIFT_27)) * _MIX_2
    return word ^ (word >> _SHIFT_31)


@part
def _count_ones(word: np.uint64) -> np.uint64:
    # Sums of pairs, nibbles, bytes, and of all bytes in the top one.
    word -= (word >> _ONE) & _PAIRS
    word = (word & _NIBBLES) + ((word >> _SHIFT_2) & _NIBBLES)
    word = (word + (word >> _SHIFT_4)) & _BYTES
    return (word * _EACH_BYTE) >> _SHIFT_56


@part
def _odd_gamma(word: np.uint64) -> np.uint64:
    gamma = mix(word) | _ONE
    # Too regular a gamma makes successive counters alike: the paper's remedy.
    return gamma ^ _ALTERNATING if _count_ones(gamma ^ (gamma >> _ONE)) < _TRANSITIONS_MIN else gamma


@part
def stream(seed: Seed, index: int, purpose: int) -> tuple[np.uint64, np.uint64]:
    """Return (offset, gamma) of the stream of restart or replica `index` for one purpose."""
    key = mix(mix(seed[0] + _GOLDEN) + np.uint64(index))
    key = mix(key + np.uint64(purpose + 1) * _GOLDEN)
    return mix(key + _GOLDEN), _odd_gamma(key + _GOLDEN + _GOLDEN)


@part
def random_bits(offset: np.uint64, gamma: np.uint64, counter: int | np.int64) -> np.uint64:
    """Return draw `counter` of a stream as 64 random bits."""
    return mix(np.uint64(offset) + np.uint64(counter) * np.uint64(gamma))


@part
def fill_thresholds(
    thresholds: NDArray[np.float64],
    count: int,
    offset: np.uint64,
    gamma: np.uint64,
    counter: int | np.int64,
    temperature: float,
) -> None:
    """Write `temperature * ln(u)` for `count` draws u, uniform in (0, 1), into `thresholds`.

    A change dE is accepted by Metropolis' rule exactly when -dE >= T ln(u): no exponential an attempt. The logarithm
    is ours (2 atanh series on [sqrt(1/2), sqrt(2)], relative error below 1e-12) because a call of libm does not
    vectorise. u has 52 random bits and is never 0 nor 1, so that an infinite temperature gives -inf, never NaN.
    """
    step = np.uint64(gamma)
    base = np.uint64(offset) + np.uint64(counter) * step
    for k in range(count):
        bits = mix(base + np.uint64(k) * step)
        u = _as_uint64(_as_float64((bits >> _SHIFT_12) | _BITS_OF_ONE) - _ONE_LESS_ULP)
        exponent = np.int64(u - _BITS_OF_SQRT_HALF) >> _SHIFT_52
        mantissa = _as_float64(u - np.uint64(exponent << _SHIFT_52))
        s = (mantissa - 1.0) / (mantissa + 1.0)
        q = s * s
        tail = q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q / 15))))))
        thresholds[k] = temperature * (exponent * _LN_2 + (s + s) * (1.0 + tail))
