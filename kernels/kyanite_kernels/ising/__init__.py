"""Solvers for Ising and pubo cost functions: flat arrays, a seed and a control block in, arrays out."""

from kyanite_kernels.ising.auto import auto
from kyanite_kernels.ising.bifurcation import bifurcate
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.parallel_tempering import temper, temper_parameterfree
from kyanite_kernels.ising.path_integral import quantum_monte_carlo
from kyanite_kernels.ising.population_annealing import anneal_population, anneal_population_parameterfree
from kyanite_kernels.ising.result import Parameters, Result
from kyanite_kernels.ising.schedule import RangeSchedule
from kyanite_kernels.ising.simulated_annealing import anneal, anneal_parameterfree
from kyanite_kernels.ising.substochastic import substochastic, substochastic_parameterfree
from kyanite_kernels.ising.tabu import tabu, tabu_parameterfree
from kyanite_kernels.ising.terms import Terms

__all__ = [
    "UNSET",
    "Parameters",
    "RangeSchedule",
    "Result",
    "Terms",
    "anneal",
    "anneal_parameterfree",
    "anneal_population",
    "anneal_population_parameterfree",
    "auto",
    "bifurcate",
    "energy",
    "quantum_monte_carlo",
    "substochastic",
    "substochastic_parameterfree",
    "tabu",
    "tabu_parameterfree",
    "temper",
    "temper_parameterfree",
]
