"""Oscillators of simulated bifurcation: one position and momentum a variable, 16 trajectories side by side.

Source: H. Goto, K. Tatsumura, A. R. Dixon, Sci. Adv. 5, eaav2372 (2019), and for both variants with walls H. Goto et
al., "High-performance combinatorial optimization based on classical mechanics", Sci. Adv. 7, eabe7953 (2021). A step is
`y += dt * (-(1 - p) * x + C * force); x += dt * y`, with the pump p rising from 0 to 1; where |x| > 1, x becomes its
sign and y becomes 0. The force is minus the gradient of the cost, at the positions (ballistic) or at their signs
(discrete). Costs of higher degree: T. Kanao, H. Goto, "Simulated bifurcation for higher-order cost functions", Appl.
Phys. Express 16 (2023).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.control import Control
from kyanite_kernels.crew import TALLY_SWEEPS
from kyanite_kernels.flags import stopped, tell
from kyanite_kernels.ising.arrays import Landscape, Polynomial
from kyanite_kernels.ising.terms import Float64s, Int8s, Int32s, Int64s
from kyanite_kernels.jit import kernel, part
from kyanite_kernels.random_stream import START, Seed, random_bits, stream
from kyanite_kernels.simd import add, at_least, broadcast, equal, fma, load, maximum, minimum, mul, select, store

Float32s: TypeAlias = NDArray[np.float32]

TRAJECTORIES: Final = 16
"""Trajectories of a block: one vector of float32 where vectors are widest."""

_FORCE_MAX: Final = 1e30
_START: Final = np.float32(0.1)
_SHIFT_40 = np.uint64(40)
_TO_UNIT = np.float32(2.0**-24)
_ONE, _TWO = np.float32(1.0), np.float32(2.0)


class Network(NamedTuple):
    """The gradient of a cost function, times -C, in float32: rows for the quadratic form, terms and groups else.

    It is taken at the signs of the positions if `discrete`. A factor of a term is x for spins and (1 + x) / 2 for 0/1
    variables. Groups are `strength * sum * share`, their shares and offsets divided by the largest of them, so that
    squares stay in range.
    """

    is_quadratic: bool
    of_spins: bool
    discrete: bool
    bias: Float32s
    row_start: Int64s
    row_variable: Int32s
    row_weight: Float32s
    term_start: Int64s
    term_variable: Int32s
    term_weight: Float32s
    group_strength: Float32s
    group_offset: Float32s
    share_start: Int64s
    share_group: Int32s
    share_weight: Float32s


class Oscillators(NamedTuple):
    """Positions, momenta, factors and forces, float32[n, 16]; sums of groups [G, 16]; products of a term [k, 16]."""

    position: Float32s
    momentum: Float32s
    factor: Float32s
    force: Float32s
    sums: Float32s
    products: Float32s


def network_of(landscape: Landscape, coupling: float) -> Network:
    """Return the forces of `landscape` times `coupling`, which is in 1 / cost; at positions until replaced."""
    quadratic, polynomial = landscape.quadratic, landscape.polynomial
    bias = quadratic.bias if landscape.is_quadratic else polynomial.bias
    strength, offset, share = _groups(polynomial, coupling)
    return Network(
        is_quadratic=landscape.is_quadratic,
        of_spins=polynomial.of_spins or landscape.is_quadratic,
        discrete=False,
        bias=_forces(bias, coupling),
        row_start=quadratic.row_start,
        row_variable=quadratic.row_variable,
        row_weight=_forces(quadratic.row_weight, coupling),
        term_start=polynomial.term_start,
        term_variable=polynomial.term_variable,
        term_weight=_forces(polynomial.weight, coupling),
        group_strength=strength,
        group_offset=offset,
        share_start=polynomial.share_start,
        share_group=polynomial.share_group,
        share_weight=share,
    )


def _forces(weights: Float64s, coupling: float) -> Float32s:
    # Fields are twice the gradient, whatever the kind.
    return np.clip(-0.5 * (coupling * weights), -_FORCE_MAX, _FORCE_MAX).astype(np.float32)


def _groups(polynomial: Polynomial, coupling: float) -> tuple[Float32s, Float32s, Float32s]:
    largest = np.abs(polynomial.group_offset)
    np.maximum.at(largest, polynomial.share_group, np.abs(polynomial.share_weight))
    largest[largest == 0] = 1.0
    strength = np.clip(-2.0 * polynomial.group_scale * (coupling * largest) * largest, -_FORCE_MAX, _FORCE_MAX)
    offset = polynomial.group_offset / largest
    share = polynomial.share_weight / largest[polynomial.share_group]
    return strength.astype(np.float32), offset.astype(np.float32), share.astype(np.float32)


def oscillators_of(network: Network) -> Oscillators:
    """Allocate one block of trajectories; `oscillate` starts them."""
    n, longest = network.bias.size, int(np.diff(network.term_start).max(initial=0))
    rows = (n, n, n, n, network.group_strength.size, longest)
    return Oscillators(*(np.zeros((count, TRAJECTORIES), dtype=np.float32) for count in rows))


@part
def _begin(oscillators: Oscillators, seed: Seed, first: int) -> None:
    """Start every trajectory at random near 0, as loop `first` + its place."""
    n = oscillators.position.shape[0]
    for r in range(TRAJECTORIES):
        offset, gamma = stream(seed, first + r, START)
        for i in range(n):
            x = np.float32(random_bits(offset, gamma, 2 * i) >> _SHIFT_40) * _TO_UNIT
            y = np.float32(random_bits(offset, gamma, 2 * i + 1) >> _SHIFT_40) * _TO_UNIT
            oscillators.position[i, r] = _START * (_TWO * x - _ONE)
            oscillators.momentum[i, r] = _START * (_TWO * y - _ONE)


@part
def _signs(position: Float32s, place: int) -> Any:
    value = load(position, place, TRAJECTORIES)
    one = broadcast(1.0, position, TRAJECTORIES)
    return select(at_least(value, broadcast(0.0, position, TRAJECTORIES)), one, broadcast(-1.0, position, TRAJECTORIES))


@part
def _set_factors(network: Network, oscillators: Oscillators) -> None:
    position, factor = oscillators.position, oscillators.factor
    half = broadcast(0.5, position, TRAJECTORIES)
    for place in range(0, position.size, TRAJECTORIES):
        value = _signs(position, place) if network.discrete else load(position, place, TRAJECTORIES)
        store(factor, place, value if network.of_spins else fma(half, value, half))


@part
def _pull_rows(network: Network, oscillators: Oscillators, control: Control) -> bool:
    factor, force = oscillators.factor, oscillators.force
    variable, weight = network.row_variable, network.row_weight
    for i in range(force.shape[0]):
        if stopped(control):
            return False
        begin, end = network.row_start[i], network.row_start[i + 1]
        total, other = broadcast(network.bias[i], factor, TRAJECTORIES), broadcast(0.0, factor, TRAJECTORIES)
        # Two sums, because each addition waits for the one before.
        for a in range(begin, end - 1, 2):
            total = fma(broadcast(weight[a], factor, TRAJECTORIES), _factor(factor, variable[a]), total)
            other = fma(broadcast(weight[a + 1], factor, TRAJECTORIES), _factor(factor, variable[a + 1]), other)
        if (end - begin) % 2 == 1:
            total = fma(broadcast(weight[end - 1], factor, TRAJECTORIES), _factor(factor, variable[end - 1]), total)
        store(force, i * TRAJECTORIES, add(total, other))
    return True


@part
def _factor(factor: Float32s, j: np.int32) -> Any:
    return load(factor, np.int64(j) * TRAJECTORIES, TRAJECTORIES)


@part
def _pull_terms(network: Network, oscillators: Oscillators, control: Control) -> bool:
    force = oscillators.force
    for i in range(force.shape[0]):
        store(force, i * TRAJECTORIES, broadcast(network.bias[i], force, TRAJECTORIES))
    for t in range(network.term_weight.size):
        if stopped(control):
            return False
        _pull_term(network, oscillators, t)
    return True


@part
def _pull_term(network: Network, oscillators: Oscillators, t: int) -> None:
    # The product of the others: of those before, noted on the way there, times those after, on the way back.
    factor, force, products = oscillators.factor, oscillators.force, oscillators.products
    begin, end = network.term_start[t], network.term_start[t + 1]
    before = broadcast(network.term_weight[t], factor, TRAJECTORIES)
    for a in range(begin, end):
        store(products, (a - begin) * TRAJECTORIES, before)
        before = mul(before, _factor(factor, network.term_variable[a]))
    after = broadcast(1.0, factor, TRAJECTORIES)
    for a in range(end - 1, begin - 1, -1):
        j, place = network.term_variable[a], (a - begin) * TRAJECTORIES
        store(force, np.int64(j) * TRAJECTORIES, fma(load(products, place, TRAJECTORIES), after, _factor(force, j)))
        after = mul(after, _factor(factor, j))


@part
def _pull_groups(network: Network, oscillators: Oscillators) -> None:
    position, force, sums = oscillators.position, oscillators.force, oscillators.sums
    for g in range(sums.shape[0]):
        store(sums, g * TRAJECTORIES, broadcast(network.group_offset[g], sums, TRAJECTORIES))
    for i in range(position.shape[0]):
        place = i * TRAJECTORIES
        value = _signs(position, place) if network.discrete else load(position, place, TRAJECTORIES)
        for a in range(network.share_start[i], network.share_start[i + 1]):
            share, g = broadcast(network.share_weight[a], sums, TRAJECTORIES), network.share_group[a]
            store(sums, np.int64(g) * TRAJECTORIES, fma(share, value, _factor(sums, g)))
    for i in range(position.shape[0]):
        total = load(force, i * TRAJECTORIES, TRAJECTORIES)
        for a in range(network.share_start[i], network.share_start[i + 1]):
            g = network.share_group[a]
            pull = network.group_strength[g] * network.share_weight[a]
            total = fma(broadcast(pull, force, TRAJECTORIES), _factor(sums, g), total)
        store(force, i * TRAJECTORIES, total)


@part
def _move(oscillators: Oscillators, slack: float, dt: float) -> None:
    """One symplectic step: `slack` is 1 - p."""
    position, momentum, force = oscillators.position, oscillators.momentum, oscillators.force
    step, back = broadcast(dt, position, TRAJECTORIES), broadcast(-slack, position, TRAJECTORIES)
    one, minus_one = broadcast(1.0, position, TRAJECTORIES), broadcast(-1.0, position, TRAJECTORIES)
    zero = broadcast(0.0, position, TRAJECTORIES)
    for place in range(0, position.size, TRAJECTORIES):
        x, y = load(position, place, TRAJECTORIES), load(momentum, place, TRAJECTORIES)
        y = fma(step, fma(back, x, load(force, place, TRAJECTORIES)), y)
        moved = fma(step, y, x)
        walled = maximum(minimum(moved, one), minus_one)
        store(position, place, walled)
        store(momentum, place, select(equal(walled, moved), y, zero))


@kernel
def oscillate(
    network: Network,
    oscillators: Oscillators,
    steps: int,
    dt: float,
    seed: Seed,
    first: int,
    spins: Int8s,
    control: Control,
    tally: Float64s,
) -> None:
    """Run loops `first`..`first` + 15; write the signs of their positions to `spins`, int8[16, n]."""
    _begin(oscillators, seed, first)
    for number in range(steps):
        _set_factors(network, oscillators)
        if network.is_quadratic:
            done = _pull_rows(network, oscillators, control)
        else:
            done = _pull_terms(network, oscillators, control)
        if not done or stopped(control):
            break
        if oscillators.sums.shape[0] > 0:
            _pull_groups(network, oscillators)
        _move(oscillators, 1.0 - number / steps, dt)
        tell(tally, TALLY_SWEEPS, number + 1)
    for r in range(TRAJECTORIES):
        for i in range(spins.shape[1]):
            spins[r, i] = 1 if oscillators.position[i, r] >= np.float32(0.0) else -1
