"""What a solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.configurations import Pool, values_of
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.terms import Float64s, Int8s, Terms

Parameters: TypeAlias = "dict[str, Any]"
"""JSON values, as the documents of the services write them."""


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """The best distinct configurations, best first.

    `states` is int8[k, n] in the values of the problem's kind, `costs` float64[k] exact as `energy` gives them.
    `parameters` are those used, or those a parameter-free run settled on. `trace` holds at most 1000 improvements as
    (seconds since the start, sweeps done, best running cost). `stopped` tells that the host's stop flag ended the run.
    """

    states: Int8s
    costs: Float64s
    parameters: Parameters
    trace: list[tuple[float, int, float]]
    sweeps_done: int
    stopped: bool


def result_of(terms: Terms, pool: Pool, crew: Crew, parameters: Parameters) -> Result:
    """Rank the pool by exact costs and close the run."""
    states = values_of(terms.kind, pool.spins(terms.n))
    costs = energy(terms, states)
    order = np.argsort(costs, kind="stable")
    crew.finish(float(costs[order[0]]))
    return Result(
        states=states[order],
        costs=costs[order],
        parameters=parameters,
        trace=crew.trace,
        sweeps_done=crew.sweeps_done,
        stopped=crew.stopped,
    )


def constant_result(terms: Terms, crew: Crew, parameters: Parameters) -> Result:
    """Return the one solution of a problem without variables: the empty configuration."""
    states = np.zeros((1, 0), dtype=np.int8)
    costs = energy(terms, states)
    crew.finish(float(costs[0]))
    return Result(states, costs, parameters, crew.trace, 0, crew.stopped)
