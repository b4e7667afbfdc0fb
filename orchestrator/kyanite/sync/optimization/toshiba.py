"""The solver that Toshiba offered, blocking."""

from __future__ import annotations

from kyanite.optimization import toshiba
from kyanite.sync.optimization.solver import Solver

# It takes how it waits from the first class it stands on, and all else from the second.
# mypy: disable-error-code="misc"


class SimulatedBifurcationMachine(Solver, toshiba.SimulatedBifurcationMachine):
    """`kyanite.optimization.toshiba.SimulatedBifurcationMachine`, whose `submit` and `optimize` block."""
