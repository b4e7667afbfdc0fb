"""Metropolis sweeps on the lanes form: fields are summed up anew at each visit, never cached.

With 64 lanes some lane flips at almost every visit, so cached fields would be read and written for every neighbour at
every visit. To add weights under a mask of 64 spins takes a third of that time, moves eight bytes a neighbour, has no
branch to guess, and nothing drifts but the running energies of float32, computed afresh every 256 sweeps.

Acceptance in the log domain: flip where `sigma * field >= ln(u) / (beta * unit)`, one comparison of halves. u has 31
random bits, so a chance below 5e-10 is never met, and the logarithm is within 1.2e-4, so that an acceptance chance is
right to 1.2e-4 of itself. Each lane has a generator of its own, xoshiro128+ (D. Blackman, S. Vigna, "Scrambled linear
pseudorandom number generators", ACM Trans. Math. Softw. 47, 2021), seeded by the seed and the lane's stream index.
Thresholds are drawn for a tile of rows at once, which keeps the generator out of the way of branches.

At beta = inf every change is taken that does not raise the cost, in float32 as far as that resolves costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kyanite_kernels import simd
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.forms.lanes_layout import LANES, TILE, LanesForm, LanesState, lanes_form_of, lanes_state
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import ACCEPTANCE, START, Seed, random_bits, stream

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s

__all__ = [
    "LANES",
    "SHARED",
    "LanesForm",
    "LanesState",
    "copy_lanes",
    "lanes_form_of",
    "lanes_state",
    "measure_lanes",
    "spins_lanes",
    "start_lanes",
    "swap_lanes",
    "sweep_lanes",
]

SHARED: Final = 1
"""Every lane has a beta of its own."""

_RESYNC_SWEEPS = 256
_DRAWN = 16
_SCALE_MAX = 1e30
_LN_2 = 0.6931471805599453
_ONE = np.uint64(1)
_SHIFT_32 = np.uint64(32)

# log2(m) - (m - 1) on [1, 2] within 1.2e-4, exact at both ends so that the logarithm is continuous (our own minimax
# fit); the constant also takes the exponent's bias of float32, 127, and u's scale of 2^31.
_LOG_0, _LOG_1, _LOG_2, _LOG_3, _LOG_4 = -1.51982938 - 158.0, 3.08638335, -2.13413502, 0.64971174, -0.0821307


@part
def start_lanes(form: LanesForm, state: LanesState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r of the block to `initial` (spins, or UNSET: at random), as stream index `first + r`."""
    words, n = state.up.shape
    state.up[:] = np.uint64(0)
    for lane in range(words * LANES):
        word, bit = lane // LANES, np.uint64(lane % LANES)
        offset, gamma = stream(seed, first + lane, START)
        for i in range(n):
            is_up = random_bits(offset, gamma, i) & _ONE if initial[i] == UNSET else np.uint64(initial[i] > 0)
            state.up[word, i] |= np.uint64(is_up) << bit
        offset, gamma = stream(seed, first + lane, ACCEPTANCE)
        for k in range(2):
            bits = random_bits(offset, gamma, k)
            state.random[word, 2 * k, lane % LANES] = np.uint32(bits)
            state.random[word, 2 * k + 1, lane % LANES] = np.uint32(bits >> _SHIFT_32)
        # All zeros is the one state that xoshiro never leaves.
        state.random[word, 0, lane % LANES] |= np.uint32(1)
    for word in range(words):
        _synchronise(form, state, word)
    state.sweeps[0] = 0


@part
def _synchronise(form: LanesForm, state: LanesState, word: int) -> None:
    """Compute the energies of a word's lanes afresh from their spins."""
    total = simd.broadcast(0.0, np.float64, LANES)
    for i in range(form.bias.size):
        field = simd.convert(_half(form, state, word, i), np.float64)
        field = simd.add(simd.add(field, field), simd.broadcast(form.bias[i] + form.odd[i], np.float64, LANES))
        up = simd.mask_of(state.up[word, i], LANES)
        total = simd.add(total, simd.select(up, field, simd.sub(simd.broadcast(0.0, np.float64, LANES), field)))
    simd.store(state.energies, word * LANES, simd.mul(total, simd.broadcast(0.25, np.float64, LANES)))


@part
def _half(form: LanesForm, state: LanesState, word: int, i: int) -> Any:
    """Return the halves of variable i in a word's lanes: weights are added where the neighbour is up."""
    numbers, corner = form.base, word * form.bias.size
    half = simd.broadcast(simd.element(numbers, i), numbers, LANES)
    for a in range(simd.element(form.row_start, i), simd.element(form.row_start, i + 1)):
        up = simd.mask_of(simd.element(state.up, corner + simd.element(form.row_variable, a)), LANES)
        weight = simd.repeat(simd.element(form.row_weight, a), numbers, LANES)
        half = simd.select(up, simd.add(half, weight), half)
    return half


@part
def sweep_lanes(form: LanesForm, state: LanesState, betas: Float64s, control: Control) -> bool:
    """Make one Metropolis sweep over all variables in all lanes at `betas`, float64[lanes]; False if stopped in it."""
    words, n = state.up.shape
    for lane in range(words * LANES):
        # Not infinite: zero times infinity is no number.
        scale = min(_LN_2 / (2.0 * betas[lane] * form.unit), _SCALE_MAX)
        state.scales[lane // LANES, lane % LANES] = np.float32(scale)
    is_due = not form.is_whole and state.sweeps[0] % _RESYNC_SWEEPS == _RESYNC_SWEEPS - 1
    for word in range(words):
        for first in range(0, n, TILE):
            if stopped(control):
                return False
            last = min(n, first + TILE)
            _draw(form, state, word, first, last)
            _visit(form, state, word, first, last)
        if is_due:
            _synchronise(form, state, word)
    state.sweeps[0] += 1
    return True


@part
def _draw(form: LanesForm, state: LanesState, word: int, first: int, last: int) -> None:
    """Write the thresholds of the rows first..last-1, `ln(u) / (2 beta unit) - odd / 2`, rounded up in integers."""
    random = state.random
    lowest = simd.broadcast(form.lowest, np.float32, _DRAWN)
    for lane in range(0, LANES, _DRAWN):
        place = word * 4 * LANES + lane
        s0, s1 = simd.load(random, place, _DRAWN), simd.load(random, place + LANES, _DRAWN)
        s2, s3 = simd.load(random, place + 2 * LANES, _DRAWN), simd.load(random, place + 3 * LANES, _DRAWN)
        scale = simd.load(state.scales, word * LANES + lane, _DRAWN)
        for i in range(first, last):
            log = _log2_of_share(simd.add(s0, s3))
            s0, s1, s2, s3 = _advance(s0, s1, s2, s3)
            threshold = simd.fma(log, scale, simd.broadcast(simd.element(form.shift, i), np.float32, _DRAWN))
            threshold = simd.maximum(threshold, lowest)
            simd.store(state.thresholds, (i - first) * LANES + lane, simd.convert(threshold, state.thresholds))
        simd.store(random, place, s0)
        simd.store(random, place + LANES, s1)
        simd.store(random, place + 2 * LANES, s2)
        simd.store(random, place + 3 * LANES, s3)


@part
def _advance(s0: Any, s1: Any, s2: Any, s3: Any) -> tuple[Any, Any, Any, Any]:
    """Step xoshiro128+: each s is a vector of one word of each generator."""
    t = simd.shift_left(s1, simd.broadcast(9, np.uint32, _DRAWN))
    s2 = simd.xor(s2, s0)
    s3 = simd.xor(s3, s1)
    s1 = simd.xor(s1, s2)
    s0 = simd.xor(s0, s3)
    s2 = simd.xor(s2, t)
    high = simd.shift_left(s3, simd.broadcast(11, np.uint32, _DRAWN))
    return s0, s1, s2, simd.either(high, simd.shift_right(s3, simd.broadcast(21, np.uint32, _DRAWN)))


@part
def _log2_of_share(word: Any) -> Any:
    """Return log2(|word| / 2^31), each word read as a signed integer; about -158 for 0, never infinite."""
    real = simd.bitcast(simd.convert(simd.bitcast(word, np.int32), np.float32), np.int32)
    bits = simd.both(real, simd.broadcast(0x7FFFFFFF, np.int32, _DRAWN))
    mantissa = simd.both(real, simd.broadcast(0x007FFFFF, np.int32, _DRAWN))
    m = simd.bitcast(simd.either(mantissa, simd.broadcast(0x3F800000, np.int32, _DRAWN)), np.float32)
    tail = simd.broadcast(_LOG_4, np.float32, _DRAWN)
    tail = simd.fma(tail, m, simd.broadcast(_LOG_3, np.float32, _DRAWN))
    tail = simd.fma(tail, m, simd.broadcast(_LOG_2, np.float32, _DRAWN))
    tail = simd.fma(tail, m, simd.broadcast(_LOG_1, np.float32, _DRAWN))
    tail = simd.fma(tail, m, simd.broadcast(_LOG_0, np.float32, _DRAWN))
    # The bits of a float, read as an integer, are its logarithm but for the tail.
    return simd.fma(simd.convert(bits, np.float32), simd.broadcast(2.0**-23, np.float32, _DRAWN), tail)


@part
def _visit(form: LanesForm, state: LanesState, word: int, first: int, last: int) -> None:
    """Attempt the variables first..last-1 in order."""
    numbers, corner = form.base, word * form.bias.size
    falls = simd.broadcast(0, state.falls, LANES)
    for i in range(first, last):
        half = _half(form, state, word, i)
        spins = simd.element(state.up, corner + i)
        odd = simd.element(form.odd, i)
        mirrored = simd.sub(simd.broadcast(-odd, numbers, LANES), half)
        gain = simd.select(simd.mask_of(spins, LANES), half, mirrored)
        flips = simd.at_least(gain, simd.load(state.thresholds, (i - first) * LANES, LANES))
        state.up[word, i] = spins ^ simd.bits_of(flips)
        fall = simd.convert(gain, state.falls)
        fall = simd.add(simd.add(fall, fall), simd.broadcast(odd, state.falls, LANES))
        falls = simd.select(flips, simd.add(falls, fall), falls)
    energies = simd.load(state.energies, word * LANES, LANES)
    simd.store(state.energies, word * LANES, simd.sub(energies, simd.convert(falls, np.float64)))


@part
def measure_lanes(form: LanesForm, state: LanesState, energies: Float64s) -> None:
    """Write the cost of every lane to `energies`, float64[lanes]; of integers, exact in units."""
    for lane in range(energies.size):
        energies[lane] = form.constant + form.unit * state.energies[lane // LANES, lane % LANES]


@part
def spins_lanes(_form: LanesForm, state: LanesState, lane: int, out: Int8s) -> None:
    """Write the spins of one lane to `out`, int8[n]."""
    for i in range(out.size):
        out[i] = 1 if (state.up[lane // LANES, i] >> np.uint64(lane % LANES)) & _ONE else -1


@part
def copy_lanes(_form: LanesForm, from_state: LanesState, source: int, state: LanesState, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its generator."""
    right, left = np.uint64(source % LANES), np.uint64(target % LANES)
    for i in range(state.up.shape[1]):
        bit = (from_state.up[source // LANES, i] >> right) & _ONE
        state.up[target // LANES, i] = (state.up[target // LANES, i] & ~(_ONE << left)) | (bit << left)
    state.energies[target // LANES, target % LANES] = from_state.energies[source // LANES, source % LANES]


@part
def swap_lanes(_form: LanesForm, state: LanesState, lanes_a: Int64s, lanes_b: Int64s, count: int) -> None:
    """Exchange the spins and energies of the first `count` pairs of lanes; generators stay."""
    up, energies = state.up, state.energies
    for k in range(count):
        word_a, word_b = lanes_a[k] // LANES, lanes_b[k] // LANES
        a, b = np.uint64(lanes_a[k] % LANES), np.uint64(lanes_b[k] % LANES)
        for i in range(up.shape[1]):
            change = ((up[word_a, i] >> a) ^ (up[word_b, i] >> b)) & _ONE
            up[word_a, i] ^= change << a
            up[word_b, i] ^= change << b
        kept = energies[word_a, lanes_a[k] % LANES]
        energies[word_a, lanes_a[k] % LANES] = energies[word_b, lanes_b[k] % LANES]
        energies[word_b, lanes_b[k] % LANES] = kept
