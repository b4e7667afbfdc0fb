"""One walk through the one-flip neighbourhood, compiled: its state, the turn of a variable, the choice of the next.

The lowest change among the free variables, and among all, is kept for each block of the neighbourhood and looked for
again only in blocks that a turn touches. Of equal moves one is taken at random.

Parts on the way of every move take arrays, not the tuples that hold them: reading an array from a tuple counts a
reference, atomically, which costs more than the arithmetic.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.tabu_forms import BLOCKS_MAX, DENSE, SPARSE, Form, Numbers, UInt64s
from kyanite_kernels.ising.tabu_scan import WORD, lowest_bit, minima, word_matches
from kyanite_kernels.ising.terms import Int8s, Int32s, Int64s
from kyanite_kernels.jit import part

NEVER: Final = -(1 << 62)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW_32 = np.uint64(0xFFFFFFFF)
_SHIFT_32, _SHIFT_58 = np.uint64(32), np.uint64(58)
_WORD_SHIFT, _PLACE_MASK = 6, 63


class Walk(NamedTuple):
    """State of one walk.

    `up` and `free` hold a bit a variable; `spins` says the same as `up`. `block_free` and `block_all` are the lowest
    changes of each block. `queue` is a ring of the variables turned last, as long as the tenure; `turned` is when.
    """

    spins: Int8s
    fields: Numbers
    up: UInt64s
    free: UInt64s
    block_free: Numbers
    block_all: Numbers
    tally: Int32s
    queue: Int32s
    turned: Int64s


def walk_of(form: Form, tenure: int) -> Walk:
    """Allocate a walk through `form`; `reset` begins it. A tenure above n - 1 counts as n - 1."""
    return Walk(
        spins=np.full(form.n, -1, dtype=np.int8),
        fields=form.base.copy(),
        up=np.zeros(form.words, dtype=np.uint64),
        free=np.zeros(form.words, dtype=np.uint64),
        block_free=np.zeros(BLOCKS_MAX, dtype=form.base.dtype),
        block_all=np.zeros(BLOCKS_MAX, dtype=form.base.dtype),
        tally=form.term_tally.copy(),
        queue=np.full(min(tenure, form.n - 1), -1, dtype=np.int32),
        turned=np.full(form.n, NEVER, dtype=np.int64),
    )


@part
def reset(form: Form, walk: Walk) -> None:
    """Bring a walk to the state of all down, with nothing tabu."""
    walk.spins[:] = -1
    walk.fields[:] = form.base
    walk.up[:] = _ZERO
    walk.tally[:] = form.term_tally
    release(form, walk)


@part
def release(form: Form, walk: Walk) -> None:
    """Free all variables."""
    walk.free[:] = _ALL
    if form.n % WORD:
        walk.free[form.words - 1] = (_ONE << np.uint64(form.n % WORD)) - _ONE
    walk.queue[:] = -1
    walk.turned[:] = NEVER


@part
def turn(form: Form, walk: Walk, i: int) -> float:
    """Turn variable `i` and bring its partners' fields up to date, not the blocks; return the change, in units."""
    change = -float(walk.spins[i]) * float(walk.fields[i])
    walk.spins[i] = -walk.spins[i]
    walk.up[i >> _WORD_SHIFT] ^= _ONE << np.uint64(i & _PLACE_MASK)
    sign = int(np.int64(walk.spins[i]))
    if form.layout == DENSE:
        spread_dense(walk.fields, form.row_step, i, sign)
    elif form.layout == SPARSE:
        spread_sparse(walk.fields, form.row_start, form.row_variable, form.row_step, i, sign)
    else:
        spread_terms(
            walk.fields,
            walk.spins,
            walk.tally,
            form.of_spins,
            form.term_start,
            form.term_variable,
            form.term_step,
            form.member_start,
            form.member_term,
            i,
        )
        spread_groups(
            walk.fields,
            form.group_start,
            form.group_variable,
            form.group_step,
            form.share_start,
            form.share_group,
            form.share_up,
            i,
            sign,
        )
    return change


@part
def turn_to(form: Form, walk: Walk, spins: Int8s, control: Control, look: int) -> float:
    """Turn all variables that differ from `spins`; return the change of the cost, in units.

    The flag in `control` is looked at every `look` turns; once it is up, the walk stays where it is.
    """
    change, turns = 0.0, 0
    for i in range(form.n):
        if walk.spins[i] != spins[i]:
            change += turn(form, walk, i)
            turns += 1
            if turns % look == 0 and stopped(control):
                break
    return change


@part
def spread_dense(fields: Numbers, rows: Numbers, i: int, sign: int) -> None:
    """Bring the fields up to date after a turn of `i` to `sign`, by full rows."""
    first = i * fields.size
    for j in range(fields.size):
        fields[j] += sign * rows[first + j]


@part
def spread_sparse(
    fields: Numbers, row_start: Int64s, row_variable: Int32s, row_step: Numbers, i: int, sign: int
) -> None:
    """Bring the fields up to date after a turn of `i` to `sign`, by rows of neighbours."""
    # An unsigned index spares the test for one that counts from the end.
    for a in range(np.uint64(row_start[i]), np.uint64(row_start[i + 1])):
        fields[np.uint64(row_variable[a])] += sign * row_step[a]


@part
def spread_terms(
    fields: Numbers,
    spins: Int8s,
    tally: Int32s,
    of_spins: bool,  # noqa: FBT001
    term_start: Int64s,
    term_variable: Int32s,
    term_step: Numbers,
    member_start: Int64s,
    member_term: Int32s,
    i: int,
) -> None:
    """Bring tallies and fields up to date after a turn of `i`, term by term."""
    own, sign = fields[i], np.int32(spins[i])
    for m in range(np.uint64(member_start[i]), np.uint64(member_start[i + 1])):
        t = np.uint64(member_term[m])
        if of_spins:
            tally[t] = -tally[t]
            change = term_step[t] * tally[t]
            for a in range(np.uint64(term_start[t]), np.uint64(term_start[t + _ONE])):
                j = np.uint64(term_variable[a])
                fields[j] += change * spins[j]
            continue
        # Zeros among the partners: none, and all their fields see the term; one, and only that partner's does.
        partners = tally[t] - np.int32(sign > 0)
        tally[t] -= sign
        if partners <= 1:
            change = term_step[t] * sign
            for a in range(np.uint64(term_start[t]), np.uint64(term_start[t + _ONE])):
                j = np.uint64(term_variable[a])
                if partners == 0 or spins[j] < 0:
                    fields[j] += change
    # A field does not depend on its own variable: restoring it is cheaper than a test a partner.
    fields[i] = own


@part
def spread_groups(
    fields: Numbers,
    group_start: Int64s,
    group_variable: Int32s,
    group_step: Numbers,
    share_start: Int64s,
    share_group: Int32s,
    share_up: Numbers,
    i: int,
    sign: int,
) -> None:
    """Bring the fields up to date after a turn of `i` to `sign`, group by group."""
    own = fields[i]
    for a in range(share_start[i], share_start[i + 1]):
        g = share_group[a]
        change = sign * share_up[a]
        for k in range(np.uint64(group_start[g]), np.uint64(group_start[g + 1])):
            fields[np.uint64(group_variable[k])] += change * group_step[k]
    fields[i] = own


@part
def hold(free: UInt64s, queue: Int32s, turned: Int64s, place: int, i: int, move: int) -> int:
    """Make `i` tabu at `place` of the ring, and free the one that stood there; return the latter, or `i`."""
    oldest = int(np.int64(queue[place]))
    queue[place] = i
    released = i
    # One that moved again meanwhile, by aspiration, has a later place too.
    if oldest >= 0 and oldest != i and turned[oldest] == move - queue.size:
        free[oldest >> _WORD_SHIFT] |= _ONE << np.uint64(oldest & _PLACE_MASK)
        released = oldest
    turned[i] = move
    free[i >> _WORD_SHIFT] &= ~(_ONE << np.uint64(i & _PLACE_MASK))
    return released


@part
def scan(
    fields: Numbers,
    up: UInt64s,
    free: UInt64s,
    block_free: Numbers,
    block_all: Numbers,
    block_words: int,
    bits: np.uint64,
) -> None:
    """Look for the lowest changes again in the blocks whose `bits` are set."""
    while bits != _ZERO:
        block = lowest_bit(bits)
        bits &= bits - _ONE
        first = block * block_words
        lowest_free, lowest_all = minima(fields, up, free, first, min(first + block_words, up.size))
        block_free[block] = lowest_free
        block_all[block] = lowest_all


@part
def scan_all(form: Form, walk: Walk) -> None:
    """Look for the lowest changes again in all blocks."""
    blocks = -(-form.words // form.block_words)
    bits = _ALL >> np.uint64(BLOCKS_MAX - blocks)
    scan(walk.fields, walk.up, walk.free, walk.block_free, walk.block_all, form.block_words, bits)


@part
def lowest_of(lowest: Numbers, blocks: int) -> Any:
    """Return the lowest of the first `blocks` numbers."""
    best = lowest[0]
    for b in range(1, blocks):
        best = min(best, lowest[b])
    return best


@part
def choose(
    fields: Numbers,
    up: UInt64s,
    free: UInt64s,
    block_free: Numbers,
    block_all: Numbers,
    block_words: int,
    change: Any,
    of_all: bool,  # noqa: FBT001
    bits: np.uint64,
) -> int:
    """Return a variable, free unless `of_all`, that changes the cost by `change`: at random, by 64 random `bits`.

    `change` must be the lowest there is.
    """
    words = up.size
    blocks = -(-words // block_words)
    block = share_of(bits >> _SHIFT_32, blocks)
    while (block_all[block] if of_all else block_free[block]) != change:
        block = block + 1 if block + 1 < blocks else 0
    first = block * block_words
    last = min(first + block_words, words)
    word = first + share_of(bits & _LOW_32, last - first)
    matches, here = _ZERO, word
    while matches == _ZERO:
        here = word
        matches = word_matches(fields, up, here, change) & (_ALL if of_all else free[here])
        word = word + 1 if word + 1 < last else first
    rotation = bits >> _SHIFT_58
    above = matches >> rotation
    place = lowest_bit(above) + np.int64(rotation) if above != _ZERO else lowest_bit(matches)
    return int(here * WORD + place)


@part
def share_of(bits: np.uint64, count: int) -> int:
    """Return a number of 0..count-1 from 32 random bits, by multiplication."""
    return int(np.int64((bits * np.uint64(count)) >> _SHIFT_32))
