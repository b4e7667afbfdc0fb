"""Cluster moves along imaginary time: pieces of a world line turn as one.

Source of the classical picture: M. Suzuki, Prog. Theor. Phys. 56 (1976). With P slices, inverse temperature beta and
transverse field Gamma, P configurations have the weight exp(-beta / P * sum_k E(s_k) + K * sum_ik s_ik s_i,k+1), where
`exp(-2 K) = tanh(beta * Gamma / P)` and slices are periodic. Source of the moves: H. Rieger, N. Kawashima, Eur. Phys.
J. B 9 (1999). Equal spins of one variable in neighbouring slices are bound with probability 1 - exp(-2 K), as in
Wolff's and in Swendsen and Wang's clusters. That accounts for K exactly, and slices of one variable meet nowhere
else: each cluster then flips on its own by the heat bath of its slices' costs. (By Metropolis' rule a variable without
costs would flip all its clusters at once for ever.)
"""

from __future__ import annotations

import math

import numpy as np

from kyanite_kernels.control import Control
from kyanite_kernels.flags import stopped
from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.worldlines import Worldlines, turn, weigh
from kyanite_kernels.jit import part
from kyanite_kernels.random_stream import random_bits

_DRAWS = 2
_SHIFT_11 = np.uint64(11)
_TO_UNIT = 2.0**-53


@part
def _cut(lines: Worldlines, i: int, break_chance: float, offset: np.uint64, gamma: np.uint64, counter: int) -> int:
    """Mark the slices after which a cluster of variable `i` ends; return the last of them, P - 1 for none."""
    spins, cuts, slices = lines.spins, lines.cuts, lines.energy.size
    for k in range(slices):
        cuts[k] = np.float64(random_bits(offset, gamma, counter + k) >> _SHIFT_11) * _TO_UNIT < break_chance
    for k in range(slices - 1):
        cuts[k] |= spins[i, k] != spins[i, k + 1]
    cuts[slices - 1] |= spins[i, slices - 1] != spins[i, 0]
    last = slices - 1
    while last > 0 and not cuts[last]:
        last -= 1
    return last if cuts[last] else slices - 1


@part
def _choose(
    lines: Worldlines, temperature: float, last: int, offset: np.uint64, gamma: np.uint64, counter: int
) -> bool:
    """Mark the slices to flip, by heat bath for each cluster's gain; tell whether there are any."""
    slices, cuts, gains, turns = lines.energy.size, lines.cuts, lines.gains, lines.turns
    begin, total, some = 0, 0.0, False
    for place in range(slices):
        k = last + 1 + place
        k = k if k < slices else k - slices
        total += gains[k]
        if not cuts[k] and place < slices - 1:
            continue
        u = np.float64(random_bits(offset, gamma, counter + k) >> _SHIFT_11) * _TO_UNIT
        flips = u * (1.0 + math.exp(-total / temperature)) < 1.0
        for member in range(begin, place + 1):
            k = last + 1 + member
            turns[k if k < slices else k - slices] = flips
        begin, total, some = place + 1, 0.0, bool(some or flips)
    return some


@part
def sweep_lines(
    landscape: Landscape,
    lines: Worldlines,
    temperature: float,
    break_chance: float,
    stream: tuple[np.uint64, np.uint64],
    number: int,
    control: Control,
) -> bool:
    """Cut every variable's world line into clusters, in order, and flip each by heat bath.

    `temperature` is P / beta, `break_chance` is exp(-2 K). Sweep `number` uses draws of its own, 2 P a variable.
    Returns False if stopped on the way: the state stays valid.
    """
    offset, gamma = stream
    slices = lines.energy.size
    for i in range(landscape.n):
        if stopped(control):
            return False
        counter = _DRAWS * slices * (number * landscape.n + i)
        last = _cut(lines, i, break_chance, offset, gamma, counter)
        weigh(landscape, lines, i)
        if _choose(lines, temperature, last, offset, gamma, counter + slices):
            turn(landscape, lines, i)
    return True
