"""The search of one restart, compiled: the tabu walk, and a kick from its best state wherever it stagnates.

One entry point for each type of fields; the loop is the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.crew import TALLY_BEST, TALLY_SWEEPS
from kyanite_kernels.flags import stopped, tell
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.tabu_forms import DENSE, SPARSE, Form
from kyanite_kernels.ising.tabu_scan import WORD, add_row_minima
from kyanite_kernels.ising.tabu_walk import (
    Walk,
    choose,
    hold,
    lowest_of,
    release,
    reset,
    scan,
    scan_all,
    share_of,
    spread_groups,
    spread_sparse,
    spread_terms,
    turn_to,
)
from kyanite_kernels.ising.terms import Float64s, Int8s
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import START, Seed, random_bits, stream

MOVES: Final = 16
"""Purpose of a random stream: ties and kicks of a tabu walk."""

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_LOW_32 = np.uint64(0xFFFFFFFF)
_WORD_SHIFT, _PLACE_MASK = 6, 63


class Plan(NamedTuple):
    """What each restart does: `sweeps` moves, and after `patience` moves without a new best a kick.

    A kick turns `kick_min` to `kick_max` variables, chosen at random, of the best state; these count as sweeps. A
    restart ends early at a cost of `target` or less. The flag is looked at every `look` moves.
    """

    sweeps: int
    patience: int
    kick_min: int
    kick_max: int
    look: int
    target: float


class Found(NamedTuple):
    """Of each restart the best state, int8[restarts, n], and its running cost, float64[restarts]."""

    spins: Int8s
    costs: Float64s


@part
def _start(spins: Int8s, seed: Seed, restart: int, initial: Int8s) -> None:
    offset, gamma = stream(seed, restart, START)
    for i in range(spins.size):
        spins[i] = initial[i]
        if initial[i] == UNSET:
            spins[i] = 1 if random_bits(offset, gamma, i) & _ONE else -1


@part
def _kick(spins: Int8s, plan: Plan, offset: np.uint64, gamma: np.uint64, draw: int) -> int:
    """Turn variables of `spins`, with draws from `draw` on; return how many."""
    reach = plan.kick_max - plan.kick_min + 1
    count = plan.kick_min + share_of(random_bits(offset, gamma, draw) & _LOW_32, reach)
    for k in range(count):
        i = share_of(random_bits(offset, gamma, draw + 1 + k) & _LOW_32, spins.size)
        spins[i] = -spins[i]
    return count


@part
def _search(
    form: Form, walk: Walk, plan: Plan, best_spins: Int8s, seed: Seed, restart: int, control: Control, tally: Float64s
) -> float:
    """Search from `best_spins`, which becomes the best state; return its running cost."""
    spins, fields, up, free = walk.spins, walk.fields, walk.up, walk.free
    block_free, block_all, queue, turned = walk.block_free, walk.block_all, walk.queue, walk.turned
    row_start, row_variable, row_step, touched = form.row_start, form.row_variable, form.row_step, form.touched
    term_start, term_variable, term_step, term_tally = form.term_start, form.term_variable, form.term_step, walk.tally
    member_start, member_term, of_spins = form.member_start, form.member_term, form.of_spins
    group_start, group_variable, group_step = form.group_start, form.group_variable, form.group_step
    share_start, share_group, share_up = form.share_start, form.share_group, form.share_up
    layout, words, block_words, tolerance = form.layout, form.words, form.block_words, form.tolerance
    blocks, block_size = -(-words // block_words), WORD * block_words
    offset, gamma = stream(seed, restart, MOVES)
    sweeps_before, cost_before = tally[TALLY_SWEEPS], tally[TALLY_BEST]
    target = (plan.target - form.cost) / form.unit
    reset(form, walk)
    level = turn_to(form, walk, best_spins, control, plan.look)
    best_spins[:] = spins
    scan_all(form, walk)
    # The best is copied when the walk leaves it, not at every step on the way down.
    best, is_new = level, False
    move, draw, place, progress, next_look = 0, 0, 0, 0, 0
    while move < plan.sweeps:
        if move >= next_look:
            next_look = move + plan.look
            tell(tally, TALLY_SWEEPS, sweeps_before + move)
            tell(tally, TALLY_BEST, min(cost_before, form.cost + form.unit * best))
            if stopped(control):
                break
        change = lowest_of(block_all, blocks)
        aspires = level + change < best - tolerance
        if not aspires:
            change = lowest_of(block_free, blocks)
            if is_new:
                is_new = False
                best_spins[:] = spins
                if best <= target:
                    break
        bits = random_bits(offset, gamma, draw)
        i = choose(fields, up, free, block_free, block_all, block_words, change, aspires, bits)
        level += change
        sign = -int(np.int64(spins[i]))
        spins[i] = sign
        up[i >> _WORD_SHIFT] ^= _ONE << np.uint64(i & _PLACE_MASK)
        released = i
        if queue.size > 0:
            released = hold(free, queue, turned, place, i, move)
            place = place + 1 if place + 1 < queue.size else 0
        if layout == DENSE:
            block_free[0], block_all[0] = add_row_minima(fields, row_step, i, sign, up, free, words)
        else:
            if layout == SPARSE:
                spread_sparse(fields, row_start, row_variable, row_step, i, sign)
            else:
                spread_terms(
                    fields,
                    spins,
                    term_tally,
                    of_spins,
                    term_start,
                    term_variable,
                    term_step,
                    member_start,
                    member_term,
                    i,
                )
                spread_groups(
                    fields, group_start, group_variable, group_step, share_start, share_group, share_up, i, sign
                )
            stale = _ONE
            if blocks > 1:
                stale = touched[i] | _ONE << np.uint64(i // block_size) | _ONE << np.uint64(released // block_size)
            scan(fields, up, free, block_free, block_all, block_words, stale)
        move += 1
        draw += 1
        if level < best - tolerance:
            best, is_new, progress = level, True, move
        elif move - progress >= plan.patience:
            if tolerance > 0:
                # Fields that round are computed afresh.
                reset(form, walk)
                level = 0.0
            kicked = best_spins.copy()
            count = _kick(kicked, plan, offset, gamma, draw)
            level += turn_to(form, walk, kicked, control, plan.look)
            release(form, walk)
            scan_all(form, walk)
            draw += count + 1
            move += count
            place, progress = 0, move
    if is_new:
        best_spins[:] = spins
    cost = form.cost + form.unit * best
    tell(tally, TALLY_SWEEPS, sweeps_before + min(move, plan.sweeps))
    tell(tally, TALLY_BEST, min(cost_before, cost))
    return float(cost)


def _restarts(
    form: Form,
    walk: Walk,
    plan: Plan,
    found: Found,
    seed: Seed,
    first: int,
    initial: Int8s,
    control: Control,
    tally: Float64s,
) -> int:
    """Make restarts `first`, `first + 1`, ... into `found`; return how many of them began, at least one."""
    done = 0
    while done < found.costs.size and (done == 0 or not stopped(control)):
        _start(found.spins[done], seed, first + done, initial)
        found.costs[done] = _search(form, walk, plan, found.spins[done], seed, first + done, control, tally)
        done += 1
    return done


SEARCHES: Final = {np.dtype(kind): kernel(_restarts) for kind in (np.int16, np.int32, np.float64)}
"""The entry point for each type of fields: `_restarts`, compiled."""
