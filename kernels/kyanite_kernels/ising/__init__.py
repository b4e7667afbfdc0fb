"""Solvers for Ising and pubo cost functions: flat arrays, a seed and a control block in, arrays out."""

from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.parallel_tempering import temper, temper_parameterfree
from kyanite_kernels.ising.result import Parameters, Result
from kyanite_kernels.ising.simulated_annealing import anneal, anneal_parameterfree
from kyanite_kernels.ising.terms import Terms

__all__ = [
    "UNSET",
    "Parameters",
    "Result",
    "Terms",
    "anneal",
    "anneal_parameterfree",
    "energy",
    "temper",
    "temper_parameterfree",
]
