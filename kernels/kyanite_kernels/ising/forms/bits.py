"""The bit-sliced form: 64 replicas a word, for couplings of unit or small integer size.

A spin is a bit; each variable has a row of words, and 8 words, 512 replicas, make a chunk that stays in the cache.
Fields are not kept: a visit counts them by carry-save addition, so that its cost does not depend on acceptance.
Sweeps are exact: Metropolis' rule with thresholds that are independent in every replica (`bits_thresholds`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.forms.bits_energy import measure_bits
from kyanite_kernels.ising.forms.bits_layout import LANES, SHARED, Bits, BitsState, bits_of, bits_state
from kyanite_kernels.ising.forms.bits_logic import PLANES, WIDTH, Uint64s, bare, majority, merged, opposite, same
from kyanite_kernels.ising.forms.bits_rows import count_row
from kyanite_kernels.ising.forms.bits_thresholds import DIGITS, HALF, TARGETS, draw, start_thresholds, tabulate
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s
from kyanite_kernels.random_stream import START, Seed, random_bits, stream
from kyanite_kernels.simd import both, broadcast, either, load, store, xor

__all__: Final = [
    "LANES",
    "SHARED",
    "Bits",
    "BitsState",
    "bits_of",
    "bits_state",
    "copy_bits",
    "measure_bits",
    "spins_bits",
    "start_bits",
    "swap_bits",
    "sweep_bits",
]

_ALL, _NONE, _ONE = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0), np.uint64(1)


@bare
def start_bits(form: Bits, state: BitsState, seed: Seed, first: int, initial: Int8s) -> None:
    """Set each lane to `initial` (spins, or UNSET), at random where unset, as the lanes `first` and on of a run.

    A word is keyed by its first lane, corrections by the chunk's: cut runs into blocks at multiples of 512 lanes.
    """
    for chunk in range(state.spins.shape[0]):
        start_thresholds(state.thresholds, chunk, seed, first + chunk * LANES * WIDTH)
        for word in range(WIDTH):
            offset, gamma = stream(seed, first + (chunk * WIDTH + word) * LANES, START)
            for i in range(form.n):
                bits = random_bits(offset, gamma, i)
                if initial[i] != UNSET:
                    bits = _ALL if initial[i] > 0 else _NONE
                state.spins[chunk, i, word] = bits
                if form.opposites:
                    state.spins[chunk, form.n + i, word] = ~bits
            state.spins[chunk, form.size - 1, word] = _NONE


@bare
def sweep_bits(form: Bits, state: BitsState, betas: Float64s, control: Control) -> bool:
    """Visit every variable of every lane once, in order. `betas`: one for each word. False if stopped on the way."""
    for chunk in range(state.spins.shape[0]):
        for word in range(WIDTH):
            state.betas[word] = betas[min(chunk * WIDTH + word, betas.size - 1)]
        tabulate(state.thresholds, chunk, form.unit, state.betas)
        for block in range(form.depth.size):
            if stopped(control):
                return False
            count = form.block[block + 1] - form.block[block]
            odd, odd_end = form.odd_start[block], form.odd_start[block + 1]
            draw(
                state.thresholds, chunk, form.depth[block], form.slots, count, form.odd_slot[odd:odd_end], odd_end - odd
            )
            _visit(form, state, chunk, block)
    return True


@bare
def _visit(form: Bits, state: BitsState, chunk: int, block: int) -> None:
    spins, planes, depth = state.spins, state.thresholds.planes, form.depth[block]
    origin = chunk * form.size * WIDTH
    for i in range(form.block[block], form.block[block + 1]):
        field = count_row(form.rows, form.places, spins, origin, i)
        place, drawn = origin + i * WIDTH, (i - form.block[block]) * TARGETS * WIDTH
        spin = load(spins, place, WIDTH)
        down = opposite(spin)
        odd = broadcast(form.rows.constant[form.rows.constant_of[i], PLANES], np.uint64, WIDTH)
        half = load(planes, drawn + HALF * WIDTH, WIDTH)
        # Negation is complement and 1; an odd field is its half rounded down, and HALF tells of the rest.
        carry = xor(down, both(odd, xor(half, down)))
        carry = _carry(field[0], spin, carry, planes, drawn + WIDTH, depth > 0)
        carry = _carry(field[1], spin, carry, planes, drawn + 2 * WIDTH, depth > 1)
        carry = _carry(field[2], spin, carry, planes, drawn + 3 * WIDTH, depth > 2)
        carry = _carry(field[3], spin, carry, planes, drawn + 4 * WIDTH, depth > 3)
        carry = _carry(field[4], spin, carry, planes, drawn + 5 * WIDTH, depth > 4)
        carry = _carry(field[5], spin, carry, planes, drawn + 6 * WIDTH, depth > 5)
        carry = _carry(field[6], spin, carry, planes, drawn + 7 * WIDTH, depth > 6)
        beyond = load(planes, drawn + (1 + DIGITS) * WIDTH, WIDTH)
        accepted = either(either(xor(field[7], spin), carry), beyond)
        flipped = xor(spin, accepted)
        store(spins, place, flipped)
        if form.opposites:
            store(spins, place + form.n * WIDTH, opposite(flipped))


@merged
def _carry(digit: Any, spin: Any, carry: Any, planes: Uint64s, at: int, is_drawn: bool) -> Any:  # noqa: FBT001
    """Add one digit of the threshold, where one is drawn, to one of `spin * field`."""
    if is_drawn:
        return majority(same(digit, spin), load(planes, at, WIDTH), carry)
    return both(same(digit, spin), carry)


@bare
def spins_bits(form: Bits, state: BitsState, lane: int, out: Int8s) -> None:
    """Write the spins of a lane into `out`, int8[n]."""
    chunk, word, bit = lane // (LANES * WIDTH), (lane // LANES) % WIDTH, np.uint64(lane % LANES)
    for i in range(form.n):
        out[i] = 1 if (state.spins[chunk, i, word] >> bit) & _ONE else -1


@bare
def copy_bits(form: Bits, from_state: BitsState, source: int, state: BitsState, target: int) -> None:
    """Make lane `target` of `state` a copy of lane `source` of `from_state`, but for its random numbers."""
    source_chunk, source_word = source // (LANES * WIDTH), (source // LANES) % WIDTH
    chunk, word = target // (LANES * WIDTH), (target // LANES) % WIDTH
    source_bit, bit = np.uint64(source % LANES), np.uint64(target % LANES)
    others = ~(_ONE << bit)
    for row in range(form.size):
        value = (from_state.spins[source_chunk, row, source_word] >> source_bit) & _ONE
        state.spins[chunk, row, word] = (state.spins[chunk, row, word] & others) | (value << bit)


@bare
def swap_bits(form: Bits, state: BitsState, lanes_a: Int64s, lanes_b: Int64s, count: int) -> None:
    """Exchange the states of `count` pairs of lanes, each at the same bit of two words.

    Neighbouring pairs of the same two words go together: give them word by word. A lane occurs once at most.
    """
    done = 0
    while done < count:
        word_a, word_b = lanes_a[done] // LANES, lanes_b[done] // LANES
        bits = _NONE
        while done < count and lanes_a[done] // LANES == word_a and lanes_b[done] // LANES == word_b:
            bits |= _ONE << np.uint64(lanes_a[done] % LANES)
            done += 1
        _swap_words(form, state, word_a, word_b, bits)


@bare
def _swap_words(form: Bits, state: BitsState, word_a: int, word_b: int, bits: np.uint64) -> None:
    a, b = state.spins[word_a // WIDTH, :, word_a % WIDTH], state.spins[word_b // WIDTH, :, word_b % WIDTH]
    for row in range(form.size):
        change = (a[row] ^ b[row]) & bits
        a[row] ^= change
        b[row] ^= change
