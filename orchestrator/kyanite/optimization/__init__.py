"""The classes of the retired QIO SDK, on a workspace of one's own: problems, and solvers to submit them to."""

from kyanite.optimization.microsoft import (
    ParallelTempering,
    PopulationAnnealing,
    QuantumMonteCarlo,
    SimulatedAnnealing,
    SubstochasticMonteCarlo,
    Tabu,
)
from kyanite.optimization.online_problem import OnlineProblem
from kyanite.optimization.parameters import HardwarePlatform, RangeSchedule
from kyanite.optimization.problem import ContentType, Problem, ProblemType
from kyanite.optimization.solver import Solver, Submission
from kyanite.optimization.streaming_problem import StreamingProblem
from kyanite.optimization.term import GroupType, SlcTerm, Term, TermBase

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
