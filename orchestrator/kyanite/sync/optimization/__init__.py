"""The names of `azure.quantum.optimization`, for scripts that do not await.

All are those of `kyanite.optimization`, except that `submit`, `optimize`, `upload` and `download` block.
"""

from kyanite.optimization import (
    ContentType,
    GroupType,
    HardwarePlatform,
    ProblemType,
    RangeSchedule,
    SlcTerm,
    Submission,
    Term,
    TermBase,
)
from kyanite.sync.optimization.microsoft import (
    ParallelTempering,
    PopulationAnnealing,
    QuantumMonteCarlo,
    SimulatedAnnealing,
    SubstochasticMonteCarlo,
    Tabu,
)
from kyanite.sync.optimization.problem import OnlineProblem, Problem, StreamingProblem
from kyanite.sync.optimization.solver import Solver

__all__ = [
    "ContentType",
    "GroupType",
    "HardwarePlatform",
    "OnlineProblem",
    "ParallelTempering",
    "PopulationAnnealing",
    "Problem",
    "ProblemType",
    "QuantumMonteCarlo",
    "RangeSchedule",
    "SimulatedAnnealing",
    "SlcTerm",
    "Solver",
    "StreamingProblem",
    "Submission",
    "SubstochasticMonteCarlo",
    "Tabu",
    "Term",
    "TermBase",
]
