"""Thresholds of Metropolis' rule for 64 replicas a word, digit by digit.

A change that raises the cost by m units is accepted with probability q^m, q = exp(-beta unit), exactly if m <= t for a
geometric t, P(t >= m) = q^m. The binary digits of t are independent: digit b is 1 with odds q^(2^b) to 1, and "t
reaches 2^b" has probability q^(2^b). So a threshold is a few independent Bernoulli words, and no two bits share
anything.

A Bernoulli word of probability p is made of `DRAWS` random words, which give the probability a = p rounded down to
`DRAWS` binary places, and of rare corrections: with (1 - p) = (1 - a)(1 - r), each bit is set besides with probability
r < 2^-DRAWS, by jumps from one such bit to the next. Hence p is exact to double precision.

The random words are RomuTrio's: M. A. Overton, "Romu: fast nonlinear pseudo-random number generators providing high
quality", arXiv:2002.11331. Five instructions a word, and not linear, so that no bit is a shift register.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.forms.bits_logic import WIDTH, Uint64s, bare, majority, merged
from kyanite_kernels.ising.terms import Float64s, Int64s
from kyanite_kernels.random_stream import Seed, fill_thresholds, random_bits, stream
from kyanite_kernels.simd import broadcast, either, load, mul, shift_left, shift_right, store, sub

DRAWS: Final = 9
DIGITS: Final = 7
"""Digits of a threshold; together with the plane that says that it reaches 2^depth, thresholds up to 128."""
PLANES: Final = 2 * DIGITS + 2
"""Kinds of Bernoulli words: HALF, the digits, and for each depth 0..DIGITS whether 2^depth is reached."""
TARGETS: Final = DIGITS + 2
"""Words of one variable: HALF, the digits, and last whether a threshold is beyond them."""
HALF: Final = 0
"""The digit below digit 0: thresholds count steps of two units, and this one tells the odd unit."""
SLOTS: Final = 16
"""Variables whose thresholds are made at once, so that corrections come after the words they correct."""

_WORD_PURPOSE: Final = 16
_CORRECTION_PURPOSE: Final = 17
_EXPONENTIALS: Final = 256
_LANES: Final = 64 * WIDTH
_FOREVER: Final = 2.0**62
_ROMU_FACTOR = np.uint64(15241094284759029579)
_ROTATION_Y, _ROTATION_Y_BACK = np.uint64(12), np.uint64(52)
_ROTATION_Z, _ROTATION_Z_BACK = np.uint64(44), np.uint64(20)
_ALL, _NONE, _ONE = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0), np.uint64(1)
_WORD_MASK = np.uint64(63)


class Thresholds(NamedTuple):
    """Random state and tables of C chunks of 512 lanes, and the planes in work."""

    words: Uint64s
    """[C, 3, 8]: RomuTrio's x, y, z of each word."""
    stream: Uint64s
    """[C, 3]: offset, gamma and counter of the stream of corrections."""
    waits: Float64s
    """[C, 256]: exponential draws with mean 1, used from the end."""
    waits_left: Int64s
    """[C]"""
    betas: Float64s
    """[C, 8]: what the tables below are made for."""
    places: Uint64s
    """[C, PLANES, DRAWS + 1, 8]: the rounded probabilities' binary places, lowest first, then whether they are 1."""
    first: Int64s
    """[C, PLANES]: the lowest place that any of the 8 words has."""
    rate: Float64s
    """[C, PLANES, 8]: probability of a correction."""
    spare: Float64s
    """[C, PLANES, 8]: minus the logarithm of the share of corrections that a word takes."""
    mean: Float64s
    """[C, PLANES]: mean of the exponential draw that a jump is made of; 0 where there are no corrections."""
    due: Int64s
    """[C, PLANES]: bits left until the next correction."""
    is_zero: Int64s
    """[TARGETS]: 1 where all words of a target in `planes` are 0."""
    planes: Uint64s
    """[SLOTS, TARGETS, 8]: the words in work."""


def thresholds_of(chunks: int) -> Thresholds:
    """Allocate the thresholds of `chunks` chunks."""
    return Thresholds(
        words=np.zeros((chunks, 3, WIDTH), dtype=np.uint64),
        stream=np.zeros((chunks, 3), dtype=np.uint64),
        waits=np.zeros((chunks, _EXPONENTIALS), dtype=np.float64),
        waits_left=np.zeros(chunks, dtype=np.int64),
        betas=np.full((chunks, WIDTH), np.nan),
        places=np.zeros((chunks, PLANES, DRAWS + 1, WIDTH), dtype=np.uint64),
        first=np.zeros((chunks, PLANES), dtype=np.int64),
        rate=np.zeros((chunks, PLANES, WIDTH), dtype=np.float64),
        spare=np.zeros((chunks, PLANES, WIDTH), dtype=np.float64),
        mean=np.zeros((chunks, PLANES), dtype=np.float64),
        due=np.zeros((chunks, PLANES), dtype=np.int64),
        is_zero=np.ones(TARGETS, dtype=np.int64),
        planes=np.zeros((SLOTS, TARGETS, WIDTH), dtype=np.uint64),
    )


@bare
def start_thresholds(thresholds: Thresholds, chunk: int, seed: Seed, first: int) -> None:
    """Seed the random state of a chunk whose first lane is stream index `first`."""
    for word in range(WIDTH):
        offset, gamma = stream(seed, first + 64 * word, _WORD_PURPOSE)
        for k in range(3):
            thresholds.words[chunk, k, word] = random_bits(offset, gamma, k)
    offset, gamma = stream(seed, first, _CORRECTION_PURPOSE)
    thresholds.stream[chunk, 0], thresholds.stream[chunk, 1], thresholds.stream[chunk, 2] = offset, gamma, _NONE
    thresholds.waits_left[chunk] = 0
    thresholds.betas[chunk, :] = np.nan


@bare
def tabulate(thresholds: Thresholds, chunk: int, unit: float, betas: Float64s) -> None:
    """Bring the tables of a chunk to `betas`, float64[8], where they are for others. `unit` is the cost of t = 1."""
    known = True
    for word in range(WIDTH):
        known = known and thresholds.betas[chunk, word] == betas[word]
    if known:
        return
    for word in range(WIDTH):
        thresholds.betas[chunk, word] = betas[word]
        q = math.exp(-betas[word] * unit)
        _tabulate_plane(thresholds, chunk, HALF, word, q / (1.0 + q))
        q *= q
        for digit in range(DIGITS + 1):
            if digit < DIGITS:
                _tabulate_plane(thresholds, chunk, 1 + digit, word, q / (1.0 + q))
            _tabulate_plane(thresholds, chunk, 1 + DIGITS + digit, word, q)
            q *= q
    for plane in range(PLANES):
        _schedule(thresholds, chunk, plane)


@bare
def _tabulate_plane(thresholds: Thresholds, chunk: int, plane: int, word: int, p: float) -> None:
    scaled = math.floor(math.ldexp(p, DRAWS))
    rounded = math.ldexp(scaled, -DRAWS)
    whole = np.int64(scaled)
    for place in range(DRAWS):
        is_set = whole >= 1 << DRAWS or (whole >> place) & 1
        thresholds.places[chunk, plane, place, word] = _ALL if is_set else _NONE
    thresholds.places[chunk, plane, DRAWS, word] = _ALL if rounded == 1.0 else _NONE
    thresholds.rate[chunk, plane, word] = 0.0 if rounded == 1.0 else (p - rounded) / (1.0 - rounded)


@bare
def _schedule(thresholds: Thresholds, chunk: int, plane: int) -> None:
    first = DRAWS
    for place in range(DRAWS):
        for word in range(WIDTH):
            if thresholds.places[chunk, plane, place, word] != _NONE:
                first = min(first, place)
    thresholds.first[chunk, plane] = first
    highest = 0.0
    for word in range(WIDTH):
        highest = max(highest, thresholds.rate[chunk, plane, word])
    for word in range(WIDTH):
        share = thresholds.rate[chunk, plane, word] / highest if highest > 0.0 else 0.0
        thresholds.spare[chunk, plane, word] = -math.log(share) if share > 0.0 else np.inf
    thresholds.mean[chunk, plane] = -1.0 / math.log1p(-highest) if highest > 0.0 else 0.0
    # Jumps have no memory: a change of the rate may draw anew.
    thresholds.due[chunk, plane] = _jump(thresholds, chunk, plane)


@merged
def _jump(thresholds: Thresholds, chunk: int, plane: int) -> np.int64:
    """Return how many bits to pass over before the next correction."""
    mean = thresholds.mean[chunk, plane]
    return np.int64(min(mean * _wait(thresholds, chunk), _FOREVER)) if mean > 0.0 else np.int64(_FOREVER)


@merged
def _wait(thresholds: Thresholds, chunk: int) -> float:
    """Return an exponential draw with mean 1."""
    left = thresholds.waits_left[chunk]
    if left == 0:
        _refill(thresholds, chunk)
        left = _EXPONENTIALS
    thresholds.waits_left[chunk] = left - 1
    wait: float = thresholds.waits[chunk, left - 1]
    return wait


@bare
def _refill(thresholds: Thresholds, chunk: int) -> None:
    offset, gamma, counter = thresholds.stream[chunk, 0], thresholds.stream[chunk, 1], thresholds.stream[chunk, 2]
    fill_thresholds(thresholds.waits[chunk], _EXPONENTIALS, offset, gamma, np.int64(counter), -1.0)
    thresholds.stream[chunk, 2] = counter + np.uint64(_EXPONENTIALS)


@bare
def draw(
    thresholds: Thresholds, chunk: int, depth: int, slots: Int64s, count: int, odd_slots: Int64s, odd_count: int
) -> None:
    """Draw the thresholds of the first `count` of `slots`, up to 2^depth, and the odd units of `odd_slots`."""
    _draw_plane(thresholds, chunk, HALF, HALF, odd_slots, odd_count)
    for digit in range(depth + 1):
        plane = 1 + digit if digit < depth else 1 + DIGITS + depth
        target = 1 + digit if digit < depth else 1 + DIGITS
        _draw_plane(thresholds, chunk, plane, target, slots, count)


@merged
def _draw_plane(thresholds: Thresholds, chunk: int, plane: int, target: int, slots: Int64s, count: int) -> None:
    """Write Bernoulli words of kind `plane` into `planes[slot, target]` of the first `count` of `slots`."""
    first = thresholds.first[chunk, plane]
    if first < DRAWS:
        _draw_words(thresholds, chunk, plane, target, slots, count)
        thresholds.is_zero[target] = 0
    elif thresholds.is_zero[target] == 0:
        thresholds.planes[:, target] = _NONE
        thresholds.is_zero[target] = 1
    bits, due = count * _LANES, thresholds.due[chunk, plane]
    while due < bits:
        word = (due >> 6) & (WIDTH - 1)
        spare = thresholds.spare[chunk, plane, word]
        if spare == 0.0 or _wait(thresholds, chunk) > spare:
            thresholds.planes[slots[due // _LANES], target, word] |= _ONE << (np.uint64(due) & _WORD_MASK)
            thresholds.is_zero[target] = 0
        due += 1 + _jump(thresholds, chunk, plane)
    thresholds.due[chunk, plane] = due - bits


@merged
def _draw_words(thresholds: Thresholds, chunk: int, plane: int, target: int, slots: Int64s, count: int) -> None:
    factor = broadcast(_ROMU_FACTOR, np.uint64, WIDTH)
    left_y, right_y = broadcast(_ROTATION_Y, np.uint64, WIDTH), broadcast(_ROTATION_Y_BACK, np.uint64, WIDTH)
    left_z, right_z = broadcast(_ROTATION_Z, np.uint64, WIDTH), broadcast(_ROTATION_Z_BACK, np.uint64, WIDTH)
    home, table = chunk * 3 * WIDTH, (chunk * PLANES + plane) * (DRAWS + 1) * WIDTH
    x = load(thresholds.words, home, WIDTH)
    y = load(thresholds.words, home + WIDTH, WIDTH)
    z = load(thresholds.words, home + 2 * WIDTH, WIDTH)
    certain = load(thresholds.places, table + DRAWS * WIDTH, WIDTH)
    for k in range(count):
        word = certain
        for place in range(thresholds.first[chunk, plane], DRAWS):
            # From the lowest place up: a set place unites with a random word, another one intersects.
            word = majority(word, x, load(thresholds.places, table + place * WIDTH, WIDTH))
            y_less_x, z_less_y = sub(y, x), sub(z, y)
            x = mul(factor, z)
            y = either(shift_left(y_less_x, left_y), shift_right(y_less_x, right_y))
            z = either(shift_left(z_less_y, left_z), shift_right(z_less_y, right_z))
        store(thresholds.planes, (slots[k] * TARGETS + target) * WIDTH, word)
    store(thresholds.words, home, x)
    store(thresholds.words, home + WIDTH, y)
    store(thresholds.words, home + 2 * WIDTH, z)
