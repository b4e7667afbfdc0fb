"""Decimal digits to the nearest double, ties to even.

The algorithm is that of D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and Experience 51
(2021), shown to need no fallback by N. Mushtak and D. Lemire, "Fast number parsing without fallback" (2023): the
digits times the first 128 bits of a power of five decide, and a tie is possible only for exponents -4 to 23.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.jit import part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

DIGITS_MAX: Final = 19
"""So many digits fit into 64 bits."""
EXPONENT_MIN: Final = -300
EXPONENT_MAX: Final = 288
"""With up to 19 digits, the powers of ten that lead neither below the normal doubles nor beyond the largest one."""

_WORD_BITS: Final = 64
_EXACT_POWER: Final = 22
_EXACT_DIGITS: Final = np.uint64(1 << 53)
_ROUNDED_UP: Final = -27
_TIE_MIN: Final = -4
_TIE_MAX: Final = 23
# A significand of 53 bits, one to round, and one for a leading zero of the product.
_KEPT_BITS: Final = 55
_LOW_HALF: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


def _power_of_five(exponent: int) -> int:
    """Return the first 128 bits of 5^exponent, rounded as the proof asks."""
    power: int = 5 ** abs(exponent)
    bits = power.bit_length()
    if exponent >= 0:
        return power >> (bits - 128) if bits > 128 else power << (128 - bits)
    if exponent == 0:
        return 1 << 127
    quotient = (1 << (bits + 127)) // power
    return quotient + 1 if exponent >= _ROUNDED_UP else quotient


_POWERS: Final = [_power_of_five(exponent) for exponent in range(EXPONENT_MIN, EXPONENT_MAX + 1)]
_HIGH: Final = np.array([power >> 64 for power in _POWERS], dtype=np.uint64)
_LOW: Final = np.array([power & (2**64 - 1) for power in _POWERS], dtype=np.uint64)
_TENS: Final = np.array([float(10**exponent) for exponent in range(_EXACT_POWER + 1)])


@part
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the upper and the lower 64 bits of the product."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW_HALF, b >> _HALF, b & _LOW_HALF
    low, first, second = a_low * b_low, a_low * b_high, a_high * b_low
    middle = (low >> _HALF) + (first & _LOW_HALF) + (second & _LOW_HALF)
    high = a_high * b_high + (first >> _HALF) + (second >> _HALF) + (middle >> _HALF)
    return high, (middle << _HALF) | (low & _LOW_HALF)


@part
def _leading_zeros(word: np.uint64) -> int:
    zeros = 0
    width = 32
    while width:
        if word < np.uint64(1) << np.uint64(_WORD_BITS - width):
            word <<= np.uint64(width)
            zeros += width
        width >>= 1
    return zeros


@part
def nearest_double(digits: np.uint64, exponent: int) -> float:
    """Return the double nearest to digits * 10^exponent, for EXPONENT_MIN <= exponent <= EXPONENT_MAX."""
    if digits == np.uint64(0):
        return 0.0
    if digits <= _EXACT_DIGITS and -_EXACT_POWER <= exponent <= _EXACT_POWER:
        # Both are doubles, so one operation rounds once.
        return float(digits / _TENS[-exponent] if exponent < 0 else digits * _TENS[exponent])
    zeros = _leading_zeros(digits)
    shifted = digits << np.uint64(zeros)
    high, low = _product(shifted, _HIGH[exponent - EXPONENT_MIN])
    mask = np.uint64((1 << (_WORD_BITS - _KEPT_BITS)) - 1)
    if high & mask == mask:
        # What the second half of the power adds could carry into the bits that are kept.
        carry, _ = _product(shifted, _LOW[exponent - EXPONENT_MIN])
        low += carry
        if low < carry:
            high += np.uint64(1)
    leading = int(np.int64(high >> np.uint64(_WORD_BITS - 1)))
    dropped = np.uint64(leading + _WORD_BITS - _KEPT_BITS)
    kept = high >> dropped
    # floor(log2(5^exponent)) by a rational approximation, exact in this range.
    power = ((217706 * exponent) >> 16) + leading - zeros + 11
    tie = low <= np.uint64(1) and _TIE_MIN <= exponent <= _TIE_MAX and kept & np.uint64(3) == np.uint64(1)
    if tie and kept << dropped == high:
        kept &= ~np.uint64(1)
    kept = (kept + (kept & np.uint64(1))) >> np.uint64(1)
    return math.ldexp(np.float64(kept), power)


@part
def scan_double(text: Bytes, at: int) -> tuple[int, bool, float]:
    """Read a JSON number at `at`; return where it ends, whether it was read, and its value.

    The text must end in a byte that is no part of a number. Not read is what JSON does not allow, and also what is
    too small, too large or too long to be sure of: whoever asks has a slower way for that.
    """
    negative = text[at] == 45
    if negative:
        at += 1
    first = at
    digits, count, exponent, truncated = np.uint64(0), 0, 0, False
    while 48 <= text[at] <= 57:
        if count < DIGITS_MAX:
            digits = digits * np.uint64(10) + np.uint64(text[at] - 48)
            count += digits != np.uint64(0)
        else:
            exponent += 1
            truncated |= text[at] != 48
        at += 1
    if at == first or (text[first] == 48 and at > first + 1):
        return at, False, 0.0
    if text[at] == 46:
        at += 1
        first = at
        while 48 <= text[at] <= 57:
            if count < DIGITS_MAX:
                digits = digits * np.uint64(10) + np.uint64(text[at] - 48)
                count += digits != np.uint64(0)
                exponent -= 1
            else:
                truncated |= text[at] != 48
            at += 1
        if at == first:
            return at, False, 0.0
    if text[at] | 32 == 101:  # e, or E
        at += 1
        below = text[at] == 45
        if below or text[at] == 43:
            at += 1
        first, given = at, 0
        while 48 <= text[at] <= 57:
            given = min(given * 10 + text[at] - 48, 10_000)
            at += 1
        if at == first:
            return at, False, 0.0
        exponent += -given if below else given
    if exponent < EXPONENT_MIN or exponent > EXPONENT_MAX:
        return at, digits == np.uint64(0) and not truncated, -0.0 if negative else 0.0
    value = nearest_double(digits, exponent)
    if truncated and value != nearest_double(digits + np.uint64(1), exponent):
        return at, False, 0.0
    return at, True, -value if negative else value
