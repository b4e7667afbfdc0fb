"""Configurations between the caller's values and spins, and the pool of the best distinct ones."""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.terms import Float64s, Int8s, Kind, Terms

_POOL_SLACK = 64


def spins_of(terms: Terms, initial: Int8s | None) -> Int8s:
    """Return an initial configuration as spins, int8[n], UNSET where not given (everywhere for None).

    Raises ValueError if the shape is not [n] or a value is neither UNSET nor one of `terms.kind`.
    """
    if initial is None:
        return np.full(terms.n, UNSET, dtype=np.int8)
    given = np.array(initial)
    if given.shape != (terms.n,):
        msg = f"an initial configuration has the shape [{terms.n}], not {list(given.shape)}"
        raise ValueError(msg)
    low = -1 if terms.kind == "ising" else 0
    if not ((given == low) | (given == 1) | (given == UNSET)).all():
        msg = f"an initial configuration of {terms.kind!r} holds {low}, 1 or UNSET ({UNSET})"
        raise ValueError(msg)
    return np.where(given == low, -1, given).astype(np.int8)


def values_of(kind: Kind, spins: Int8s) -> Int8s:
    """Return spins as values of `kind`."""
    return spins.copy() if kind == "ising" else (spins > 0).astype(np.int8)


class Pool:
    """The best distinct configurations met so far, at most `size`, ranked by running energy."""

    def __init__(self, size: int) -> None:
        """Make an empty pool. Raises ValueError for a size below 1."""
        if size < 1:
            msg = f"solutions must be at least 1, not {size}"
            raise ValueError(msg)
        self.size = size
        self._energies: dict[bytes, float] = {}

    def add(self, spins: Int8s, energies: Float64s) -> None:
        """Offer configurations, int8[k, n], with their running energies, float64[k]."""
        for row, energy in zip(spins, energies.tolist(), strict=True):
            self._energies.setdefault(row.tobytes(), energy)
        if len(self._energies) > self.size + _POOL_SLACK:
            self._energies = dict(self._ranked())

    def spins(self, n: int) -> Int8s:
        """Return the pool as int8[k, n], best first."""
        joined = b"".join(key for key, _ in self._ranked())
        return np.frombuffer(joined, dtype=np.int8).reshape(-1, n)

    def _ranked(self) -> list[tuple[bytes, float]]:
        return sorted(self._energies.items(), key=lambda item: item[1])[: self.size]
