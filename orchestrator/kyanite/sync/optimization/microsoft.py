"""The solvers that Microsoft offered, blocking."""

from __future__ import annotations

from kyanite import optimization
from kyanite.sync.optimization.solver import Solver

# Each takes how it waits from the first class it stands on, and all else from the second.
# mypy: disable-error-code="misc"


class SimulatedAnnealing(Solver, optimization.SimulatedAnnealing):
    """`kyanite.optimization.SimulatedAnnealing`, whose `submit` and `optimize` block."""


class ParallelTempering(Solver, optimization.ParallelTempering):
    """`kyanite.optimization.ParallelTempering`, whose `submit` and `optimize` block."""


class Tabu(Solver, optimization.Tabu):
    """`kyanite.optimization.Tabu`, whose `submit` and `optimize` block."""


class QuantumMonteCarlo(Solver, optimization.QuantumMonteCarlo):
    """`kyanite.optimization.QuantumMonteCarlo`, whose `submit` and `optimize` block."""


class PopulationAnnealing(Solver, optimization.PopulationAnnealing):
    """`kyanite.optimization.PopulationAnnealing`, whose `submit` and `optimize` block."""


class SubstochasticMonteCarlo(Solver, optimization.SubstochasticMonteCarlo):
    """`kyanite.optimization.SubstochasticMonteCarlo`, whose `submit` and `optimize` block."""
