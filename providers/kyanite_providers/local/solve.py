"""From a problem and its target's parameters to solutions: the one place that calls the kernels."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.auto import auto
from kyanite_kernels.ising.bifurcation import AUTO, bifurcate
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.parallel_tempering import temper, temper_parameterfree
from kyanite_kernels.ising.path_integral import quantum_monte_carlo
from kyanite_kernels.ising.population_annealing import anneal_population, anneal_population_parameterfree
from kyanite_kernels.ising.schedule import RangeSchedule
from kyanite_kernels.ising.search import beta_range
from kyanite_kernels.ising.simulated_annealing import anneal, anneal_parameterfree
from kyanite_kernels.ising.substochastic import substochastic, substochastic_parameterfree
from kyanite_kernels.ising.tabu import tabu, tabu_parameterfree
from kyanite_kernels.ising.terms import Terms
from kyanite_providers.local import parameters as given

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.result import Result
    from kyanite_providers.local.frames import Run
    from kyanite_providers.local.problem import Problem

_REPLICAS: Final = 24
_TENURE: Final = 20


class Solved(NamedTuple):
    """What the kernel returned, and the parameters with which the run can be repeated."""

    result: Result
    parameters: dict[str, Any]


def solve(problem: Problem, request: Run, parameters: given.Parameters, control: Control) -> Solved:
    """Minimise the problem as asked. Progress and the wish to stop go through `control`."""
    seed = secrets.randbits(53) if parameters.seed is None else parameters.seed
    options: dict[str, Any] = {
        "seed": seed,
        "control": control,
        "solutions": parameters.number_of_solutions,
        "timeout_s": request.search_s,
        "threads": request.threads,
    }
    if not isinstance(parameters, given.Bifurcation):
        options["initial"] = _initial(problem)
    result = _SOLVERS[request.target](terms_of(problem), parameters, options)
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


def _anneal(terms: Terms, parameters: given.Annealing, options: dict[str, Any]) -> Result:
    start, stop = parameters.beta_start, parameters.beta_stop
    if start is None or stop is None:
        hot, cold = beta_range(terms, options["seed"], options["initial"])
        if start is not None:
            stop = max(cold, 2 * start)
        else:
            start, stop = (hot, cold) if stop is None else (min(hot, stop / 2), stop)
    return anneal(
        terms, sweeps=parameters.sweeps, restarts=parameters.restarts, beta_start=start, beta_stop=stop, **options
    )


def _temper(terms: Terms, parameters: given.Tempering, options: dict[str, Any]) -> Result:
    """Take the betas given, else a geometric ladder over the range that the problem suggests."""
    if parameters.all_betas is not None:
        betas = np.array(parameters.all_betas, dtype=np.float64)
    else:
        betas = np.geomspace(*beta_range(terms, options["seed"], options["initial"]), parameters.replicas or _REPLICAS)
    return temper(terms, sweeps=parameters.sweeps, betas=betas, **options)


def _tabu(terms: Terms, parameters: given.Tabu, options: dict[str, Any]) -> Result:
    tenure = min(_TENURE, max(terms.n // 4, 1)) if parameters.tabu_tenure is None else parameters.tabu_tenure
    return tabu(terms, sweeps=parameters.sweeps, tenure=tenure, restarts=parameters.restarts, **options)


def _quantum(terms: Terms, parameters: given.QuantumMonteCarlo, options: dict[str, Any]) -> Result:
    """Take the documented example's fields, 10 and 0.1, relative to the problem's own scale where none are given."""
    hot, cold = beta_range(terms, options["seed"], options["initial"])
    start, stop = parameters.transverse_field_start, parameters.transverse_field_stop
    return quantum_monte_carlo(
        terms,
        sweeps=parameters.sweeps,
        restarts=parameters.restarts,
        trotter_number=parameters.trotter_number,
        beta_start=cold if parameters.beta_start is None else parameters.beta_start,
        transverse_field_start=1.0 / hot if start is None else start,
        transverse_field_stop=0.01 / hot if stop is None else stop,
        **options,
    )


def _population(terms: Terms, parameters: given.PopulationAnnealing, options: dict[str, Any]) -> Result:
    return anneal_population(
        terms,
        sweeps=parameters.sweeps,
        population=parameters.population,
        beta=_schedule(parameters.beta),
        alpha=parameters.alpha,
        culling_fraction=parameters.culling_fraction,
        **options,
    )


def _substochastic(terms: Terms, parameters: given.Substochastic, options: dict[str, Any]) -> Result:
    return substochastic(
        terms,
        step_limit=parameters.step_limit,
        target_population=parameters.target_population,
        alpha=_schedule(parameters.alpha),
        beta=_schedule(parameters.beta),
        steps_per_walker=parameters.steps_per_walker,
        **options,
    )


def _bifurcate(terms: Terms, parameters: given.Bifurcation, options: dict[str, Any]) -> Result:
    result = bifurcate(
        terms,
        steps=parameters.steps,
        loops=parameters.loops,
        dt=parameters.dt or 0.0,
        coupling=parameters.coupling,
        algorithm=AUTO if parameters.auto else parameters.algo,
        target_cost=parameters.target_val,
        **options,
    )
    # Under the names by which they can be given back.
    names = {"coupling": "C", "algorithm": "algo"}
    return replace(result, parameters={names.get(name, name): value for name, value in result.parameters.items()})


def _schedule(schedule: given.Range) -> RangeSchedule:
    return RangeSchedule(schedule.type, schedule.initial, schedule.final)


def _freely(solver: Callable[..., Result]) -> Callable[[Terms, Any, dict[str, Any]], Result]:
    return lambda terms, _parameters, options: solver(terms, **options)


_SOLVERS: Final[Mapping[str, Callable[[Terms, Any, dict[str, Any]], Result]]] = {
    "microsoft.simulatedannealing.cpu": _anneal,
    "microsoft.simulatedannealing-parameterfree.cpu": _freely(anneal_parameterfree),
    "microsoft.paralleltempering.cpu": _temper,
    "microsoft.paralleltempering-parameterfree.cpu": _freely(temper_parameterfree),
    "microsoft.tabu.cpu": _tabu,
    "microsoft.tabu-parameterfree.cpu": _freely(tabu_parameterfree),
    "microsoft.qmc.cpu": _quantum,
    "microsoft.populationannealing.cpu": _population,
    "microsoft.populationannealing-parameterfree.cpu": _freely(anneal_population_parameterfree),
    "microsoft.substochasticmontecarlo.cpu": _substochastic,
    "microsoft.substochasticmontecarlo-parameterfree.cpu": _freely(substochastic_parameterfree),
    "toshiba.sbm.ising": _bifurcate,
    "kyanite.auto.cpu": _freely(auto),
}
