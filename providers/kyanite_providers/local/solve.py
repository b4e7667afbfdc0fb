"""From a problem and its target's parameters to solutions: the one place that calls the kernels."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kyanite_kernels.ising.arrays import landscape_of
from kyanite_kernels.ising.configurations import spins_of
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.parallel_tempering import temper, temper_parameterfree
from kyanite_kernels.ising.simulated_annealing import anneal, anneal_parameterfree
from kyanite_kernels.ising.temperature_range import beta_range
from kyanite_kernels.ising.terms import Terms
from kyanite_kernels.random_stream import seed_array
from kyanite_providers.local.parameters import (
    SEARCH_S,
    Annealing,
    AnnealingParameterFree,
    Parameters,
    Tempering,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.result import Result
    from kyanite_providers.local.problem import Problem

_REPLICAS = 24


class Solved(NamedTuple):
    """What the kernel returned, and the parameters with which the run can be repeated."""

    result: Result
    parameters: dict[str, Any]


def solve(problem: Problem, parameters: Parameters, search_s: float | None, control: Control) -> Solved:
    """Minimise the problem for at most `search_s` seconds. Progress and the wish to stop go through
    `control`.
    """
    terms = terms_of(problem)
    initial = _initial(problem)
    seed = secrets.randbits(53) if parameters.seed is None else parameters.seed
    rest: dict[str, Any] = {
        "seed": seed,
        "control": control,
        "initial": initial,
        "solutions": parameters.number_of_solutions,
    }
    if isinstance(parameters, Annealing):
        betas = _betas(terms, seed, initial, parameters)
        result = _anneal(terms, parameters, betas, timeout_s=search_s, **rest)
    elif isinstance(parameters, Tempering):
        ladder = _ladder(terms, seed, initial, parameters)
        result = temper(terms, sweeps=parameters.sweeps, betas=ladder, timeout_s=search_s, **rest)
    elif isinstance(parameters, AnnealingParameterFree):
        result = anneal_parameterfree(terms, timeout_s=search_s or SEARCH_S, **rest)
    else:
        result = temper_parameterfree(terms, timeout_s=search_s or SEARCH_S, **rest)
    return Solved(result, {**result.parameters, "seed": seed})


def terms_of(problem: Problem) -> Terms:
    """Return the problem as the kernels take it."""
    return Terms(
        kind=problem.kind,
        n=problem.ids.size,
        coefficient=problem.coefficient,
        start=problem.start,
        variable=problem.variable,
        group_scale=problem.group_scale,
        group_offset=problem.group_offset,
        group_start=problem.group_start,
        group_variable=problem.group_variable,
        group_weight=problem.group_weight,
    )


def _initial(problem: Problem) -> NDArray[np.int8] | None:
    if problem.initial_variable.size == 0:
        return None
    initial = np.full(problem.ids.size, UNSET, dtype=np.int8)
    initial[problem.initial_variable] = problem.initial_value
    return initial


def _anneal(terms: Terms, parameters: Annealing, betas: tuple[float, float], **rest: Any) -> Result:
    return anneal(
        terms,
        sweeps=parameters.sweeps,
        restarts=parameters.restarts,
        beta_start=betas[0],
        beta_stop=betas[1],
        **rest,
    )


def _betas(terms: Terms, seed: int, initial: NDArray[np.int8] | None, parameters: Annealing) -> tuple[float, float]:
    """Return start and stop: as given, else as the problem suggests, start below stop."""
    start, stop = parameters.beta_start, parameters.beta_stop
    if start is not None and stop is not None:
        return start, stop
    hot, cold = _range(terms, seed, initial)
    if start is not None:
        return start, max(cold, 2 * start)
    return (hot, cold) if stop is None else (min(hot, stop / 2), stop)


def _ladder(terms: Terms, seed: int, initial: NDArray[np.int8] | None, parameters: Tempering) -> NDArray[np.float64]:
    """Return the betas given, else a geometric ladder over the range that the problem suggests."""
    if parameters.all_betas is not None:
        return np.array(parameters.all_betas, dtype=np.float64)
    return np.geomspace(*_range(terms, seed, initial), parameters.replicas or _REPLICAS)


def _range(terms: Terms, seed: int, initial: NDArray[np.int8] | None) -> tuple[float, float]:
    if terms.n == 0:
        return 1.0, 2.0
    return beta_range(landscape_of(terms), seed_array(seed), spins_of(terms, initial))
