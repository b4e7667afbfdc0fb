"""What a job needs of this machine, estimated from its problem and parameters."""

from __future__ import annotations

from typing import Final

from kyanite.core.job import Needs
from kyanite_providers.local.frames import Inspected
from kyanite_providers.local.parameters import (
    Annealing,
    Parameters,
    PopulationAnnealing,
    QuantumMonteCarlo,
    Substochastic,
    Tabu,
    Tempering,
)

WORKER_BYTES: Final = 320 << 20
"""The interpreter, the kernels, and what reading takes at once."""
SHORT_VISITS: Final = 10**8
"""Work that one core does in about a second, in visits of a variable or of a place where it occurs."""
_LANES: Final = 512
_DENSE_SHARE: Final = 0.2
_DENSE_MAX_BYTES: Final = 1 << 30


def needs(size: Inspected, parameters: Parameters, cores_per_job: int) -> Needs:
    """Return cores and memory: one core where the search is short, else `cores_per_job`."""
    visits = _sweeps(size, parameters) * (size.variables + size.references)
    return Needs(cores=1 if visits <= SHORT_VISITS else cores_per_job, memory_bytes=_memory_bytes(size, parameters))


def _sweeps(size: Inspected, parameters: Parameters) -> float:
    """Return the sweeps of a lane to be made; endless for searches that end by the clock."""
    match parameters:
        case Annealing() | QuantumMonteCarlo():
            return parameters.sweeps * parameters.restarts
        case Tempering():
            return parameters.sweeps * _lanes(parameters)
        case Tabu():
            return parameters.sweeps * parameters.restarts / max(size.variables, 1)
        case PopulationAnnealing():
            return parameters.sweeps * parameters.population
        case Substochastic():
            return parameters.step_limit * parameters.target_population / max(size.variables, 1)
    return float("inf")


def _lanes(parameters: Parameters) -> int:
    """Return how many copies of the state there are at once, roughly."""
    match parameters:
        case Tempering():
            return parameters.replicas or len(parameters.all_betas or ()) or _LANES
        case PopulationAnnealing():
            return parameters.population
        case Substochastic():
            return parameters.target_population
        case QuantumMonteCarlo():
            return 4 * parameters.trotter_number
    return _LANES


def _memory_bytes(size: Inspected, parameters: Parameters) -> int:
    places = size.references + size.terms
    # Problem, terms and rows at their peak, which a run at five million terms has measured; then the lanes.
    forms = 72 * places + 64 * size.variables
    lanes = size.variables * min(_lanes(parameters), 4096) * (1 if places < _DENSE_SHARE * size.variables**2 else 4)
    dense = min(4 * size.variables**2, _DENSE_MAX_BYTES) if places >= _DENSE_SHARE / 2 * size.variables**2 else 0
    results = size.variables * (64 + 3 * parameters.number_of_solutions)
    return WORKER_BYTES + forms + lanes + dense + results
