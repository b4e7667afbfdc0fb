"""The last step of a search: states fall to a local minimum."""

from __future__ import annotations

import numpy as np

from kyanite_kernels import control as block
from kyanite_kernels.ising.arrays import Landscape
from kyanite_kernels.ising.lanes import Lanes, lanes_of, settle
from kyanite_kernels.ising.terms import Float64s, Int8s
from kyanite_kernels.jit import kernel


@kernel
def _settle(landscape: Landscape, lanes: Lanes, spins: Int8s, energies: Float64s, row: int) -> None:
    lanes.best_spins[0, :] = spins[row]
    lanes.best_energy[0] = energies[row]
    settle(landscape, lanes, 0)
    spins[row, :] = lanes.best_spins[0]
    energies[row] = lanes.best_energy[0]


def descend(
    landscape: Landscape, spins: Int8s, energies: Float64s, count: int, control: block.Control
) -> tuple[Int8s, Float64s]:
    """Return at most `count` distinct local minima below the states `spins`, int8[k, n], best first.

    With them goes their running energy, float64. After the deadline only the best state falls, after the host's stop
    none does.
    """
    spins, energies = _ranked(spins, energies)
    lanes = lanes_of(landscape, 1)
    for row in range(len(spins)):
        if control[block.STOP] != 0 or (row > 0 and control[block.DEADLINE] != 0):
            break
        _settle(landscape, lanes, spins, energies, row)
    spins, energies = _ranked(spins, energies)
    return spins[:count], energies[:count]


def _ranked(spins: Int8s, energies: Float64s) -> tuple[Int8s, Float64s]:
    # One row of bytes is one number to sort: numpy's own way by axis compares field by field.
    _, firsts = np.unique(spins.view(f"V{spins.shape[1]}").ravel(), return_index=True)
    order = firsts[np.argsort(energies[firsts], kind="stable")]
    return spins[order], energies[order]
