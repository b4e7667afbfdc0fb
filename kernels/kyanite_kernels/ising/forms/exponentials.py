"""Random numbers of the forms with one replica at a time: spins to start from, and thresholds in vectors.

Metropolis in the log domain: a change dE is accepted exactly when dE <= xi / beta with xi = -ln u, u uniform in (0, 1).
So the draws of many variables can be made at once, before it is known what the changes are.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Int8s
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import ACCEPTANCE, START, Seed, random_bits, stream
from kyanite_kernels.simd import (
    add,
    bitcast,
    broadcast,
    convert,
    load,
    maximum,
    mul,
    shift_left,
    shift_right,
    store,
    sub,
    xor,
)

Float32s: TypeAlias = NDArray[np.float32]
UInt32s: TypeAlias = NDArray[np.uint32]
UInt64s: TypeAlias = NDArray[np.uint64]

PIECE: Final = 16
"""Random numbers are made in pieces of so many."""

RANDOM: Final = 3
"""Words of random state a lane: the offset and the gamma of its stream, and the draws made so far."""

XI_MAX: Final = 23.0
"""Above every number that `fill_exponentials` writes: the lowest u is 2^-33."""

_OFFSET, _GAMMA, _DRAWS = 0, 1, 2
_WORDS = 8
_RAMP = np.arange(_WORDS, dtype=np.uint64)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_UNIT, _HALF_UNIT = np.float32(2.0**-32), np.float32(2.0**-33)
_BITS_OF_SQRT_HALF, _MANTISSA_BITS = np.int32(0x3F3504F3), np.int32(23)
_LN_2, _XI_MIN = np.float32(0.6931471805599453), np.float32(2.0**-30)
# (ln(1 + t) - t) / t^2 on [sqrt(1/2) - 1, sqrt(2) - 1], our least-maximum fit: ln is right to 1.4e-6 of itself.
_C0, _C1, _C2 = np.float32(-0.5000084638595581), np.float32(0.33319219946861267), np.float32(-0.24919065833091736)
_C3, _C4, _C5 = np.float32(0.20449136197566986), np.float32(-0.18587572872638702), np.float32(0.1194932758808136)
_ONE, _LOWEST_BIT, _TOP_6 = np.float32(1.0), np.uint64(1), np.uint64(58)


@part
def begin_random(random: UInt64s, lane: int, seed: Seed, index: int) -> None:
    """Give a lane the acceptance stream of restart or replica `index`; `random` is uint64[B, RANDOM]."""
    offset, gamma = stream(seed, index, ACCEPTANCE)
    random[lane, _OFFSET], random[lane, _GAMMA], random[lane, _DRAWS] = offset, gamma, np.uint64(0)


@part
def start_spin(seed: Seed, index: int, i: int, initial: Int8s) -> int:
    """Return the spin of variable `i` at the start of restart or replica `index`: as `initial` says, else at random."""
    if initial[i] != UNSET:
        return int(initial[i])
    offset, gamma = stream(seed, index, START)
    return 1 if random_bits(offset, gamma, i) & _LOWEST_BIT else -1


@part
def _log(u: Any) -> Any:
    """The logarithm of 16 floats above 0."""
    # u = 2^e m with m between sqrt(1/2) and sqrt(2).
    bits = bitcast(u, np.int32)
    shift = broadcast(_MANTISSA_BITS, np.int32, PIECE)
    exponent = shift_right(sub(bits, broadcast(_BITS_OF_SQRT_HALF, np.int32, PIECE)), shift)
    mantissa = bitcast(sub(bits, shift_left(exponent, shift)), np.float32)
    t = sub(mantissa, broadcast(_ONE, np.float32, PIECE))
    p = broadcast(_C5, np.float32, PIECE)
    for c in (_C4, _C3, _C2, _C1, _C0):
        p = add(mul(p, t), broadcast(c, np.float32, PIECE))
    tail = add(mul(mul(t, t), p), mul(convert(exponent, np.float32), broadcast(_LN_2, np.float32, PIECE)))
    return add(t, tail)


@part
def fill_exponentials(random: UInt64s, lane: int, xi: Float32s, count: int, lowest: float) -> None:
    """Write `count` (a multiple of `PIECE`) numbers -ln u into `xi`, u uniform in (lowest, 1) with 32 random bits.

    Draws are SplitMix64 by counter, as in `random_stream`; each of its words gives two numbers. None is 0, so that an
    infinite temperature gives infinity, never NaN.
    """
    gamma = random[lane, _GAMMA]
    base = random[lane, _OFFSET] + random[lane, _DRAWS] * gamma
    random[lane, _DRAWS] += np.uint64(count // 2)
    word = add(broadcast(base, np.uint64, _WORDS), mul(broadcast(gamma, np.uint64, _WORDS), load(_RAMP, 0, _WORDS)))
    step = broadcast(gamma * np.uint64(_WORDS), np.uint64, _WORDS)
    width = broadcast(_UNIT * (_ONE - np.float32(lowest)), np.float32, PIECE)
    begin = broadcast(_HALF_UNIT + np.float32(lowest), np.float32, PIECE)
    for k in range(0, count, PIECE):
        bits = mul(xor(word, shift_right(word, broadcast(30, np.uint64, _WORDS))), broadcast(_MIX_1, np.uint64, _WORDS))
        bits = mul(xor(bits, shift_right(bits, broadcast(27, np.uint64, _WORDS))), broadcast(_MIX_2, np.uint64, _WORDS))
        bits = xor(bits, shift_right(bits, broadcast(31, np.uint64, _WORDS)))
        word = add(word, step)
        u = add(mul(convert(bitcast(bits, np.uint32), np.float32), width), begin)
        store(xi, k, maximum(sub(broadcast(0, np.float32, PIECE), _log(u)), broadcast(_XI_MIN, np.float32, PIECE)))


@part
def fill_extremes(random: UInt64s, lane: int, extremes: Float32s, row: int) -> None:
    """Write to `extremes[row]`, float32[2 PIECE], the lowest of 64 uniform numbers, for 16 such sets; then -ln of each.

    The lowest u of a set tells whether any of its thresholds can be reached at all, before the others are drawn.
    """
    lowest = extremes[row]
    fill_exponentials(random, lane, lowest, PIECE, 0.0)
    x = mul(load(lowest, 0, PIECE), broadcast(1 / 64, np.float32, PIECE))
    # 1 - v^(1/64) = 1 - exp(-x), x below 0.36, by Horner's rule.
    one = broadcast(_ONE, np.float32, PIECE)
    q = one
    for k in range(7, 1, -1):
        q = sub(one, mul(mul(x, broadcast(1.0 / k, np.float32, PIECE)), q))
    q = mul(x, q)
    store(lowest, 0, q)
    store(lowest, PIECE, sub(broadcast(0, np.float32, PIECE), _log(q)))


@part
def fill_given_extreme(random: UInt64s, lane: int, xi: Float32s, lowest: float, highest: float) -> None:
    """Write 64 numbers -ln u into `xi` of which the highest is `highest`, at a random place, for the lowest u."""
    place = random_bits(random[lane, _OFFSET], random[lane, _GAMMA], np.int64(random[lane, _DRAWS])) >> _TOP_6
    random[lane, _DRAWS] += np.uint64(1)
    fill_exponentials(random, lane, xi, 64, lowest)
    xi[np.int64(place)] = highest
