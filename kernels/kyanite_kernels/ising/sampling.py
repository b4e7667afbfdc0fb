"""Metropolis sampling of many lanes: one compiled loop for annealing, tempering and population annealing.

All three sweep a block of lanes at betas that a plan gives. Tempering has several rungs of betas, between which lanes
exchange (K. Hukushima, K. Nemoto, J. Phys. Soc. Jpn. 65, 1996: even and odd neighbours in turn, with probability
min(1, exp((b_i - b_j)(E_i - E_j)))). Population annealing resamples its lanes on the way (K. Hukushima, Y. Iba, AIP
Conf. Proc. 690, 2003; J. Machta, Phys. Rev. E 82, 2010): a lane's weight grows by exp(-(b' - b) E) at each step, and
once resampling would drop the share `culling` of the lanes, each goes on in as many copies as its weight says, by
systematic resampling.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from kyanite_kernels.control import STOP, Control
from kyanite_kernels.crew import TALLY_BEST, TALLY_SWEEPS
from kyanite_kernels.flags import stopped, tell
from kyanite_kernels.ising.forms.kinds import copy, measure, spins, start, swap, sweep
from kyanite_kernels.ising.schedule import Course, value_at
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import EXCHANGE, Seed, random_bits, stream

RESAMPLING: Final = 3
"""Purpose of a random stream: one draw a resampling."""

_LOOKS = 32
_LOOK_SWEEPS = 25
"""A look costs about as much as a sweep, since nearly every lane is lower than before, and is copied."""
_QUENCH_SWEEPS = 16
_QUENCH_ATTEMPTS = 4_000_000
_SHIFT_11 = np.uint64(11)
_UNIT = 2.0**-53


class Plan(NamedTuple):
    """What a block does: `sweeps` sweeps; at sweep k, rung r has beta `ladder[r] * value_at(course, k)`.

    `ladder`, float64[T], rises. With T > 1 lanes exchange after every sweep. With `culling` above 0 (and T = 1) the
    lanes are a population.
    """

    sweeps: int
    course: Course
    ladder: Float64s
    culling: float


class Told(NamedTuple):
    """What a block found, written by the kernel.

    `energies` [B]: of the final states; `best_energy` [K]: of the states kept, one a ladder if there are not more than
    K; `tries` and `swaps` [T - 1]: exchanges attempted and made between neighbouring rungs; `family` [B]: the first
    member from which each lane descends; `done` [2]: sweeps and resamplings.
    """

    energies: Float64s
    best_energy: Float64s
    tries: Int64s
    swaps: Int64s
    family: Int64s
    done: Int64s


@kernel
def _sample(
    form: Any,
    state: Any,
    best: Any,
    shared: int,
    plan: Plan,
    seed: Seed,
    first: int,
    initial: Int8s,
    told: Told,
    control: Control,
    tally: Float64s,
) -> None:
    lanes, rungs = told.energies.size, plan.ladder.size
    start(form, state, seed, first, initial)
    # Its slots are written over: to begin with, what costs least.
    start(form, best, seed, first, np.full(initial.size, np.int8(-1)))
    ladders = lanes // rungs
    levels, weights = np.empty(lanes // shared), np.empty(lanes)
    # at[rung * ladders + ladder] is the lane there; lanes left over stay at the last rung, by themselves.
    at = np.empty(lanes, dtype=np.int64)
    for lane in range(lanes):
        at[lane], told.family[lane], weights[lane] = lane, lane, 0.0
    for slot in range(told.best_energy.size):
        told.best_energy[slot] = np.inf
    measure(form, state, told.energies)
    _keep(form, state, best, told, at, ladders, tally)
    measures_all = rungs > 1 or plan.culling > 0.0
    look = max(_LOOK_SWEEPS, plan.sweeps // _LOOKS)
    factor = value_at(plan.course, 0)
    for number in range(plan.sweeps):
        before, factor = factor, value_at(plan.course, number)
        if plan.culling > 0.0 and number > 0:
            for lane in range(lanes):
                weights[lane] -= (factor - before) * plan.ladder[0] * told.energies[lane]
            _resample(form, state, plan.culling, told, weights, seed, first, number)
        _set_levels(levels, at, shared, plan.ladder, factor)
        if not sweep(form, state, levels, control):
            break
        told.done[0] = number + 1
        tell(tally, TALLY_SWEEPS, float((number + 1) * lanes))
        if measures_all or (number + 1) % look == 0:
            measure(form, state, told.energies)
            _keep(form, state, best, told, at, ladders, tally)
        if rungs > 1:
            _exchange(form, state, shared, plan.ladder, factor, told, at, seed, first, number)
    measure(form, state, told.energies)
    _keep(form, state, best, told, at, ladders, tally)
    _quench(form, best, initial.size, shared, told.best_energy, control)
    tell(tally, TALLY_BEST, _least(told.best_energy, min(told.best_energy.size, ladders)))


@part
def _least(values: Float64s, count: int) -> float:
    least = np.inf
    for k in range(count):
        least = min(least, values[k])
    return least


@part
def _sum(values: Float64s) -> float:
    total = 0.0
    for k in range(values.size):
        total += values[k]
    return total


@part
def _quench(form: Any, best: Any, n: int, shared: int, energies: Float64s, control: Control) -> None:
    """Let what was kept fall to local minima: after the deadline for some milliseconds, after a stop not at all."""
    cold, calm = np.empty(energies.size // shared), np.empty(control.size)
    for k in range(cold.size):
        cold[k] = np.inf
    for k in range(calm.size):
        calm[k] = 0.0
    sweeps = _QUENCH_SWEEPS
    if stopped(control):
        sweeps = 0 if control[STOP] != 0.0 else min(sweeps, _QUENCH_ATTEMPTS // max(n * energies.size, 1))
    total = np.inf
    for _ in range(sweeps):
        sweep(form, best, cold, calm)
        measure(form, best, energies)
        before, total = total, _sum(energies)
        if total >= before:
            break


@part
def _set_levels(levels: Float64s, at: Int64s, shared: int, ladder: Float64s, factor: float) -> None:
    ladders = at.size // ladder.size
    for place in range(0, at.size, shared):
        rung = min(place // ladders, ladder.size - 1)
        levels[at[place] // shared] = ladder[rung] * factor


@part
def _keep(form: Any, state: Any, best: Any, told: Told, at: Int64s, ladders: int, tally: Float64s) -> None:
    """Copy what is lower than the best so far of its ladder; ladders share slots where there are too many."""
    slots = min(told.best_energy.size, ladders)
    lowest = np.empty(slots, dtype=np.int64)
    for slot in range(slots):
        lowest[slot] = at[slot]
    for place in range(at.size):
        lane, slot = at[place], place % ladders % slots
        if told.energies[lane] < told.energies[lowest[slot]]:
            lowest[slot] = lane
    for slot in range(slots):
        if told.energies[lowest[slot]] < told.best_energy[slot]:
            told.best_energy[slot] = told.energies[lowest[slot]]
            copy(form, state, lowest[slot], best, slot)
    tell(tally, TALLY_BEST, _least(told.best_energy, slots))


@part
def _uniform(seed: Seed, index: int, purpose: int, counter: int) -> float:
    offset, gamma = stream(seed, index, purpose)
    # In (0, 1): never 0, of which there is no logarithm.
    return (float(random_bits(offset, gamma, counter) >> _SHIFT_11) + 0.5) * _UNIT


@part
def _exchange(
    form: Any,
    state: Any,
    shared: int,
    ladder: Float64s,
    factor: float,
    told: Told,
    at: Int64s,
    seed: Seed,
    first: int,
    number: int,
) -> None:
    ladders = at.size // ladder.size
    lanes_a, lanes_b, count = np.empty(ladders, dtype=np.int64), np.empty(ladders, dtype=np.int64), 0
    for rung in range(number % 2, ladder.size - 1, 2):
        step = (ladder[rung] - ladder[rung + 1]) * factor
        count = 0
        for place in range(rung * ladders, (rung + 1) * ladders):
            a, b = at[place], at[place + ladders]
            gain = step * (told.energies[a] - told.energies[b])
            if gain < 0.0 and gain < math.log(_uniform(seed, first + place, EXCHANGE, number)):
                continue
            if shared == 1:
                at[place], at[place + ladders] = b, a
            else:
                told.energies[a], told.energies[b] = told.energies[b], told.energies[a]
            lanes_a[count], lanes_b[count] = a, b
            count += 1
        told.tries[rung] += ladders
        told.swaps[rung] += count
        if shared > 1:
            swap(form, state, lanes_a, lanes_b, count)


@part
def _resample(
    form: Any, state: Any, culling: float, told: Told, weights: Float64s, seed: Seed, first: int, number: int
) -> None:
    """Resample, if that would replace enough lanes."""
    lanes = weights.size
    share, copies = np.empty(lanes), np.empty(lanes, dtype=np.int64)
    most = -np.inf
    for lane in range(lanes):
        most = max(most, weights[lane])
    for lane in range(lanes):
        share[lane] = math.exp(weights[lane] - most)
    total, lost = _sum(share), 0.0
    for lane in range(lanes):
        share[lane] *= lanes / total
        lost += max(1.0 - share[lane], 0.0)
    if lost < culling * lanes:
        return
    told.done[1] += 1
    reached, level = 0, _uniform(seed, first, RESAMPLING, number)
    for lane in range(lanes):
        level += share[lane]
        # The sum of all shares may miss their number by rounding.
        end = lanes if lane == lanes - 1 else min(int(level), lanes)
        copies[lane], reached, weights[lane] = end - reached, end, 0.0
    target = 0
    for source in range(lanes):
        for _ in range(copies[source] - 1):
            while copies[target] > 0:
                target += 1
            copy(form, state, source, state, target)
            told.energies[target], told.family[target] = told.energies[source], told.family[source]
            copies[target] = 1


@kernel
def _take(form: Any, state: Any, lanes: Int64s, out: Int8s) -> None:
    for row in range(lanes.size):
        spins(form, state, lanes[row], out[row])
