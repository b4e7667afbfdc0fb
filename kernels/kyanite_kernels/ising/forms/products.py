"""Metropolis sweeps on the k-local form: products of any degree, 64 lanes at a time, never quadratised.

Fields are not kept. A visit takes the products around a variable from words of 64 spins, one exclusive or (of bits:
and) a member, and adds the weights under these masks: its cost does not depend on acceptance, and nothing drifts.
Acceptance is in the log domain: flip where `p <= xi / (2 beta step) + odd / 2`, xi = -ln u. u has 31 random bits, so a
chance below 5e-10 is never met; the logarithm is within 1.2e-4, and so is an acceptance chance, of itself. Thresholds
are drawn for a tile of variables at once, out of the way of branches, by xoroshiro128+ of 2018 (D. Blackman, S. Vigna,
"Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 2021), 32 bits for each of two lanes.

At beta = inf every change is taken that does not raise the cost, in float32 as far as that resolves costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kyanite_kernels import simd
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.forms.product_form import (
    LANES,
    ProductsForm,
    ProductsState,
    products_of,
    products_of_each_type,
    products_state,
)
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import ACCEPTANCE, START, Seed, random_bits, stream

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Float64s, Int8s

__all__ = [
    "LANES",
    "SHARED",
    "ProductsForm",
    "ProductsState",
    "copy_products",
    "measure_products",
    "products_of",
    "products_of_each_type",
    "products_state",
    "spins_products",
    "start_products",
    "sweep_products",
    "synchronise_products",
]

SHARED: Final = 1
"""Every lane has a beta of its own."""

_RESYNC_SWEEPS = 256
_DRAWN = 16
_PAIRS = 8
_SCALE_MAX = 2.0**26
_LN_2 = 0.6931471805599453
_ZERO, _ONE = np.uint64(0), np.uint64(1)

# (m - 1) - log2(m) on [1, 2] within 1.2e-4 (our own least-maximum fit), 0 at both ends so that the logarithm is
# continuous; the constant also takes the exponent's bias of float32, 127, and u's scale of 2^31.
_LOG_0, _LOG_1, _LOG_2, _LOG_3, _LOG_4 = 158.0 + 1.51980212, -3.08630788, 2.13405881, -0.6496784, 0.08212535


@part
def start_products(form: ProductsForm, state: ProductsState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set lane r of the block to `initial` (spins, or UNSET: at random), as stream index `first + r`."""
    words, n = state.bits.shape
    state.bits[:] = _ZERO
    for lane in range(words * LANES):
        word, bit = lane // LANES, np.uint64(lane % LANES)
        offset, gamma = stream(seed, first + lane, START)
        for i in range(n):
            is_up = random_bits(offset, gamma, i) & _ONE != _ZERO if initial[i] == UNSET else initial[i] > 0
            if is_up == (form.set_spin > 0):
                state.bits[word, i] |= _ONE << bit
        if lane % 2 == 0:
            offset, gamma = stream(seed, first + lane, ACCEPTANCE)
            state.random[word, 0, lane % LANES // 2] = random_bits(offset, gamma, 0)
            state.random[word, 1, lane % LANES // 2] = random_bits(offset, gamma, 1)
    synchronise_products(form, state)


@part
def synchronise_products(form: ProductsForm, state: ProductsState) -> None:
    """Compute the energies of all lanes afresh from their bits."""
    whole, n = form.whole, form.base.size
    for word in range(state.bits.shape[0]):
        corner, total = word * n, simd.broadcast(0.0, np.float64, LANES)
        nothing = total
        for t in range(whole.weight.size):
            first, last = simd.element(whole.first, t), simd.element(whole.first, t + 1)
            product = simd.element(state.bits, corner + simd.element(whole.member, first))
            for k in range(first + 1, last):
                bits = simd.element(state.bits, corner + simd.element(whole.member, k))
                product = product & bits if form.of_bits else product ^ bits
            weight = simd.broadcast(simd.element(whole.weight, t), np.float64, LANES)
            other = nothing if form.of_bits else weight
            value = nothing if form.of_bits else simd.sub(nothing, weight)
            set_value = weight if form.of_bits else value
            total = simd.add(total, simd.select(simd.mask_of(product, LANES), set_value, other))
        simd.store(state.energies, word * LANES, total)
    state.sweeps[0] = 0


@part
def _wait(drawn: Any) -> Any:
    """Return -log2(u), u = the low 31 bits (or 1) over 2^31."""
    low = simd.both(drawn, simd.broadcast(0x7FFFFFFF, np.int32, _DRAWN))
    number = simd.bitcast(simd.convert(simd.either(low, simd.broadcast(1, np.int32, _DRAWN)), np.float32), np.int32)
    mantissa = simd.both(number, simd.broadcast(0x007FFFFF, np.int32, _DRAWN))
    m = simd.bitcast(simd.either(mantissa, simd.broadcast(0x3F800000, np.int32, _DRAWN)), np.float32)
    tail = simd.broadcast(_LOG_4, np.float32, _DRAWN)
    tail = simd.fma(tail, m, simd.broadcast(_LOG_3, np.float32, _DRAWN))
    tail = simd.fma(tail, m, simd.broadcast(_LOG_2, np.float32, _DRAWN))
    tail = simd.fma(tail, m, simd.broadcast(_LOG_1, np.float32, _DRAWN))
    # The bits of a float, read as an integer, are its logarithm but for the tail.
    tick, start = simd.broadcast(-(2.0**-23), np.float32, _DRAWN), simd.broadcast(_LOG_0, np.float32, _DRAWN)
    return simd.fma(tail, m, simd.fma(simd.convert(number, np.float32), tick, start))


@part
def _meet(of_bits: bool, a: np.uint64, b: np.uint64) -> np.uint64:  # noqa: FBT001
    """Return where a product of two is set."""
    return a & b if of_bits else a ^ b


@part
def sweep_products(form: ProductsForm, state: ProductsState, betas: Float64s, control: Control) -> bool:
    """Make one Metropolis sweep over all variables in all lanes at `betas`, float64[lanes]; False if stopped in it.

    One function: numba counts references to every array of a tuple that it passes on, at the price of many variables.
    """
    base, odd, shift, of_bits = form.base, form.odd, form.shift, form.of_bits
    pairs, pairs_other, pairs_weight = form.pairs.start, form.pairs.other, form.pairs.weight
    threes, threes_other, threes_weight = form.threes.start, form.threes.other, form.threes.weight
    fours, fours_other, fours_weight = form.fours.start, form.fours.other, form.fours.weight
    longer, chain, chain_other, chain_weight = (
        form.longer.start,
        form.longer.first,
        form.longer.other,
        form.longer.weight,
    )
    bits, random, limits, scales = state.bits, state.random, state.limits, state.scales
    n = base.size
    turn_24, turn_40 = simd.broadcast(24, np.uint64, _PAIRS), simd.broadcast(40, np.uint64, _PAIRS)
    turn_37, turn_27 = simd.broadcast(37, np.uint64, _PAIRS), simd.broadcast(27, np.uint64, _PAIRS)
    neutral = ~_ZERO if of_bits else _ZERO
    nothing = simd.broadcast(0, state.rises, LANES)
    for word in range(bits.shape[0]):
        for lane in range(LANES):
            # Not infinite: zero times infinity is no number, and limits are converted by way of 32-bit integers.
            scales[lane] = min(_LN_2 / (2.0 * betas[word * LANES + lane] * form.step), _SCALE_MAX)
        corner = word * n
        for first in range(0, n, form.tile):
            if stopped(control):
                return False
            last = min(n, first + form.tile)
            for lane in range(0, LANES, _DRAWN):
                place = word * LANES + lane // 2
                s0, s1 = simd.load(random, place, _PAIRS), simd.load(random, place + LANES // 2, _PAIRS)
                scale = simd.load(scales, lane, _DRAWN)
                for i in range(first, last):
                    drawn = simd.add(s0, s1)
                    s1 = simd.xor(s1, s0)
                    s0 = simd.either(simd.shift_left(s0, turn_24), simd.shift_right(s0, turn_40))
                    s0 = simd.xor(simd.xor(s0, s1), simd.shift_left(s1, simd.broadcast(16, np.uint64, _PAIRS)))
                    s1 = simd.either(simd.shift_left(s1, turn_37), simd.shift_right(s1, turn_27))
                    half = simd.broadcast(simd.element(shift, i), np.float32, _DRAWN)
                    limit = simd.fma(_wait(simd.bitcast(drawn, np.int32)), scale, half)
                    simd.store(limits, (i - first) * LANES + lane, simd.saturate(limit, limits))
                simd.store(random, place, s0)
                simd.store(random, place + LANES // 2, s1)
            rises = nothing
            for i in range(first, last):
                q = simd.broadcast(simd.element(base, i), base, LANES)
                for r in range(simd.element(pairs, i), simd.element(pairs, i + 1)):
                    product = simd.element(bits, corner + simd.element(pairs_other, r))
                    weight = simd.repeat(simd.element(pairs_weight, r), base, LANES)
                    q = simd.select(simd.mask_of(product, LANES), simd.add(q, weight), q)
                for r in range(simd.element(threes, i), simd.element(threes, i + 1)):
                    product = simd.element(bits, corner + simd.element(threes_other, 2 * r))
                    product = _meet(
                        of_bits, product, simd.element(bits, corner + simd.element(threes_other, 2 * r + 1))
                    )
                    weight = simd.repeat(simd.element(threes_weight, r), base, LANES)
                    q = simd.select(simd.mask_of(product, LANES), simd.add(q, weight), q)
                for r in range(simd.element(fours, i), simd.element(fours, i + 1)):
                    product = simd.element(bits, corner + simd.element(fours_other, 3 * r))
                    product = _meet(of_bits, product, simd.element(bits, corner + simd.element(fours_other, 3 * r + 1)))
                    product = _meet(of_bits, product, simd.element(bits, corner + simd.element(fours_other, 3 * r + 2)))
                    weight = simd.repeat(simd.element(fours_weight, r), base, LANES)
                    q = simd.select(simd.mask_of(product, LANES), simd.add(q, weight), q)
                for r in range(simd.element(longer, i), simd.element(longer, i + 1)):
                    product = neutral
                    for e in range(simd.element(chain, r), simd.element(chain, r + 1)):
                        product = _meet(of_bits, product, simd.element(bits, corner + simd.element(chain_other, e)))
                    weight = simd.repeat(simd.element(chain_weight, r), base, LANES)
                    q = simd.select(simd.mask_of(product, LANES), simd.add(q, weight), q)
                mine = simd.element(bits, corner + i)
                parity = simd.broadcast(simd.element(odd, i), base, LANES)
                p = simd.select(simd.mask_of(mine, LANES), q, simd.sub(parity, q))
                flips = simd.at_least(simd.load(limits, (i - first) * LANES, LANES), p)
                bits[word, i] = mine ^ simd.bits_of(flips)
                rise = simd.convert(p, state.rises)
                rise = simd.sub(simd.add(rise, rise), simd.broadcast(simd.element(odd, i), state.rises, LANES))
                rises = simd.add(rises, simd.select(flips, rise, nothing))
            energies = simd.load(state.energies, word * LANES, LANES)
            simd.store(state.energies, word * LANES, simd.add(energies, simd.convert(rises, np.float64)))
    state.sweeps[0] += 1
    if form.drifts and state.sweeps[0] >= _RESYNC_SWEEPS:
        synchronise_products(form, state)
    return True


@part
def measure_products(form: ProductsForm, state: ProductsState, energies: Float64s) -> None:
    """Write the cost of every lane to `energies`, float64[lanes]; of integers, exact in units."""
    for lane in range(energies.size):
        energies[lane] = form.constant + form.step * state.energies[lane // LANES, lane % LANES]


@part
def spins_products(form: ProductsForm, state: ProductsState, lane: int, out: Int8s) -> None:
    """Write the spins of one lane to `out`, int8[n]."""
    for i in range(out.size):
        is_set = (state.bits[lane // LANES, i] >> np.uint64(lane % LANES)) & _ONE != _ZERO
        out[i] = form.set_spin if is_set else -form.set_spin


@part
def copy_products(
    _form: ProductsForm, from_state: ProductsState, source: int, state: ProductsState, target: int
) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its generator."""
    right, left = np.uint64(source % LANES), np.uint64(target % LANES)
    for i in range(state.bits.shape[1]):
        bit = (from_state.bits[source // LANES, i] >> right) & _ONE
        state.bits[target // LANES, i] = (state.bits[target // LANES, i] & ~(_ONE << left)) | (bit << left)
    state.energies[target // LANES, target % LANES] = from_state.energies[source // LANES, source % LANES]
