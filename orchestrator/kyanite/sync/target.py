"""The names of `azure.quantum.target`: any target, the solvers, and what a workspace returns when asked for targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import kyanite
from kyanite.sync import availability
from kyanite.sync.job import Job
from kyanite.sync.optimization.microsoft import (
    ParallelTempering,
    PopulationAnnealing,
    QuantumMonteCarlo,
    SimulatedAnnealing,
    SubstochasticMonteCarlo,
    Tabu,
)
from kyanite.sync.optimization.solver import Solver
from kyanite.sync.optimization.toshiba import SimulatedBifurcationMachine

if TYPE_CHECKING:
    from kyanite.sync.workspace import Workspace

__all__ = [
    "ParallelTempering",
    "PopulationAnnealing",
    "QuantumMonteCarlo",
    "SimulatedAnnealing",
    "SimulatedBifurcationMachine",
    "Solver",
    "SubstochasticMonteCarlo",
    "Tabu",
    "Target",
]

PARAMETER_FREE = "parameterfree"
QIO_INPUT = "microsoft.qio.v2"
SOLVERS: dict[str, type[Solver]] = {
    name: kind
    for kind in (
        ParallelTempering,
        PopulationAnnealing,
        QuantumMonteCarlo,
        SimulatedAnnealing,
        SimulatedBifurcationMachine,
        SubstochasticMonteCarlo,
        Tabu,
    )
    for name in kind.target_names
}


class Target:
    """A place where jobs run: anything can be submitted to it.

    `current_availability` is `Available` while somebody serves the target here, and `average_queue_time` is how many
    seconds its newest jobs waited before they began. `refresh` brings both up to date.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the order of the SDK
        self,
        workspace: Workspace,
        name: str,
        input_data_format: str = "",
        output_data_format: str = "",
        provider_id: str = "",
        content_type: object = None,
        encoding: str = "",
        average_queue_time: float | None = None,
        current_availability: str = "",
    ) -> None:
        """Name a target; whether it exists is found out by `refresh` and `submit`."""
        self.workspace = workspace
        self.name = name
        self.input_data_format = input_data_format
        self.output_data_format = output_data_format
        self.provider_id = provider_id or name.partition(".")[0]
        self.content_type = content_type
        self.encoding = encoding
        self.average_queue_time = average_queue_time
        self.current_availability = current_availability

    def __repr__(self) -> str:
        queue = "" if self.average_queue_time is None else f", average queue time {self.average_queue_time:g} s"
        return f"<Target {self.name}: {self.current_availability or 'availability unknown'}{queue}>"

    def refresh(self) -> None:
        """Find out how the target is now. Raises `ValueError` if nobody serves it here."""
        availability.refresh(self)

    def submit(self, input_data: Any, name: str = "azure-quantum-job", input_params: Any = None, **options: Any) -> Job:
        """Submit a job to this target; see `Job.from_input_data` for the options."""
        options.setdefault("input_data_format", self.input_data_format)
        options.setdefault("output_data_format", self.output_data_format)
        return Job.from_input_data(self.workspace, name, self.name, input_data, input_params=input_params, **options)


AnyTarget: TypeAlias = Target | Solver


def found(workspace: Workspace, name: str | None, provider_id: str | None) -> AnyTarget | list[AnyTarget]:
    """Return the target there is, or a list of any other number; see `Workspace.get_targets`."""
    served = [
        target
        for target in availability.served(workspace)
        if (name is None or target.id.lower() == name.lower())
        and (provider_id is None or target.provider_id.lower() == provider_id.lower())
    ]
    if len(served) == 1:
        return _made(workspace, served[0])
    return [_made(workspace, target) for target in served if PARAMETER_FREE not in target.id]


def _made(workspace: Workspace, target: kyanite.Target) -> AnyTarget:
    now: dict[str, Any] = {
        "average_queue_time": availability.queue_time_s(workspace, target.id),
        "current_availability": availability.AVAILABLE,
    }
    if target.id in SOLVERS:
        return SOLVERS[target.id](workspace, target.id, **now)  # type: ignore[arg-type]  # it blocks
    if target.input_data_format == QIO_INPUT:
        return Solver(workspace, target.id, target.provider_id, **now)  # type: ignore[arg-type]  # as above
    formats = target.input_data_format or "", target.output_data_format or ""
    return Target(workspace, target.id, *formats, target.provider_id, **now)
