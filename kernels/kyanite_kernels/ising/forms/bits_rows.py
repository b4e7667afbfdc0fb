"""The rows of the bit-sliced form: integer couplings as binary digits, each an entry of its own.

With f_i = h_i + sum_j w_ij s_j in units of the greatest common divisor, and y the bit that says whether s_j (or its
opposite, for a negative digit) is +1, f_i = h_i - A_i + 2 c_i, where c_i is the sum of 2^k y over the entries of
place k and A_i is that of 2^k. So a field is a count, and its sign and parity follow from constants of the row.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.forms.bits_logic import PLANES, WIDTH, Uint64s, add_rows, merged, spread_digits
from kyanite_kernels.ising.terms import Int32s, Int64s

PLACES: Final = 6
"""Binary places of a coupling: with signed digits, couplings up to 32 in size."""
FOUR: Final = 4
"""Entries are added up by fours; rows are filled with entries that are always 0."""

_FIELD_MAX: Final = 1 << (PLANES - 1)


class Rows(NamedTuple):
    """Entries of each variable, sorted by place, and the constants of its count.

    A constant is `PLANES` digits and a flag, each 0 or all bits set; variables with the same constants share them.
    """

    start: Int64s
    """[n]: where the entries of a variable begin."""
    fours: Int32s
    """[n, PLACES]: groups of four entries at each place."""
    entry: Int32s
    """Words between the start of a chunk and the row of spins to add."""
    constant_of: Int32s
    """[n]"""
    constant: Uint64s
    """[constants, PLANES + 1]"""


class Digits(NamedTuple):
    """Digits of couplings: variable i has the digit `sign * 2^place` towards variable j."""

    i: Int64s
    j: Int64s
    place: Int64s
    sign: Int64s


def digits_of(i: Int64s, j: Int64s, weight: Int64s) -> Digits | None:
    """Split integer couplings into binary digits, None if one needs more than `PLACES`.

    Digits are signed, -1, 0 or 1, where that takes fewer of them (7 = 8 - 1), else plain.
    """
    size, sign = np.abs(weight), np.sign(weight)
    if size.max(initial=0) > 1 << (PLACES - 1):
        return None
    signed, plain = _signed_digits(size), (size[:, None] >> np.arange(PLACES)) & 1
    fewer = np.abs(signed).sum(axis=1) < plain.sum(axis=1)
    digits = np.where(fewer[:, None], signed, plain) * sign[:, None]
    edge, place = np.nonzero(digits)
    return Digits(i[edge], j[edge], place, digits[edge, place])


def _signed_digits(size: Int64s) -> Int64s:
    # The non-adjacent form: no two neighbouring digits, hence the fewest.
    rest, digits = size.copy(), np.zeros((size.size, PLACES), dtype=np.int64)
    for place in range(PLACES):
        odd = rest & 1
        digits[:, place] = odd * (2 - (rest & 3))
        rest = (rest - digits[:, place]) >> 1
    return digits


def reach_of(n: int, digits: Digits) -> Int64s:
    """Return A_i, int64[n]: the sum of 2^place over the digits of each variable."""
    return np.bincount(digits.i, np.left_shift(1, digits.place), minlength=n).astype(np.int64)


def rows_of(n: int, digits: Digits, offset: Int64s, flag: NDArray[np.bool_], zero_row: int) -> Rows:
    """Lay out the entries of n variables: variable j is in row j, its opposite in row n + j.

    `offset`, int64[n], is what a count starts with, modulo 2^PLANES; `flag` comes with it. `zero_row` is always 0.
    """
    key = digits.i * PLACES + digits.place
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key, minlength=n * PLACES)
    fours = -(-counts // FOUR)
    begin = np.concatenate([[0], np.cumsum(fours * FOUR)])
    entry = np.full(begin[-1], zero_row, dtype=np.int64)
    within = np.arange(key.size) - np.repeat(np.cumsum(counts) - counts, counts)
    entry[begin[key[order]] + within] = np.where(digits.sign > 0, digits.j, n + digits.j)[order]
    classes, constant_of = np.unique((offset % (1 << PLANES)) * 2 + flag, return_inverse=True)
    bits = (classes[:, None] >> np.array([*range(1, PLANES + 1), 0])) & 1
    return Rows(
        start=np.ascontiguousarray(begin[:-1:PLACES]),
        fours=fours.reshape(n, PLACES).astype(np.int32),
        entry=(entry * WIDTH).astype(np.int32),
        constant_of=constant_of.astype(np.int32),
        constant=np.where(bits == 1, np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)),
    )


@merged
def count_row(rows: Rows, places: int, spins: Uint64s, origin: int, i: int) -> Any:
    """Return the number that row i counts: its constant and its entries of `spins`, from the chunk at `origin` on."""
    number = spread_digits(rows.constant, rows.constant_of[i] * (PLANES + 1))
    at = rows.start[i]
    for _ in range(rows.fours[i, 0] >> 1):
        number = add_rows(number, 0, spins, origin, rows.entry, at, 8)
        at += 8
    if rows.fours[i, 0] & 1:
        number = add_rows(number, 0, spins, origin, rows.entry, at, 4)
        at += 4
    if places == 1:
        return number
    for _ in range(rows.fours[i, 1]):
        number = add_rows(number, 1, spins, origin, rows.entry, at, 4)
        at += 4
    for _ in range(rows.fours[i, 2]):
        number = add_rows(number, 2, spins, origin, rows.entry, at, 4)
        at += 4
    for _ in range(rows.fours[i, 3]):
        number = add_rows(number, 3, spins, origin, rows.entry, at, 4)
        at += 4
    for _ in range(rows.fours[i, 4]):
        number = add_rows(number, 4, spins, origin, rows.entry, at, 4)
        at += 4
    for _ in range(rows.fours[i, 5]):
        number = add_rows(number, 5, spins, origin, rows.entry, at, 4)
        at += 4
    return number
