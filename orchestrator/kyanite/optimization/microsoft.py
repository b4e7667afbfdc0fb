"""The solvers that Microsoft offered. Each sends only what it is given; what a target makes of the rest is its own.

Simulated annealing, parallel tempering and tabu search take the target's parameter-free form when nothing but `timeout`
and `seed` is given; population annealing and substochastic Monte Carlo when `timeout` is. Sources of names and checks:
the pages of the retired service and the behaviour of its last SDK, azure-quantum 0.27.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kyanite.optimization.parameters import (
    HardwarePlatform,
    RangeSchedule,
    cpu_only,
    falling,
    number_above,
    positive_int,
    rising,
)
from kyanite.optimization.problem import ContentType
from kyanite.optimization.solver import Solver
from kyanite.runtime.workspace import Workspace

# Each constructor has the order of the SDK, hence the many arguments.
# ruff: noqa: PLR0913, PLR0917


class _MicrosoftSolver(Solver):
    def supports_grouped_terms(self) -> bool:
        return True


class SimulatedAnnealing(_MicrosoftSolver):
    """Simulated annealing: inverse temperature from `beta_start` to `beta_stop` in `sweeps`, `restarts` times."""

    target_names = ("microsoft.simulatedannealing.cpu", "microsoft.simulatedannealing-parameterfree.cpu")

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.simulatedannealing.cpu",
        beta_start: float | None = None,
        beta_stop: float | None = None,
        sweeps: int | None = None,
        restarts: int | None = None,
        timeout: int | None = None,
        seed: int | None = None,
        platform: HardwarePlatform | None = HardwarePlatform.CPU,
        **kwargs: Any,
    ) -> None:
        cpu_only(platform)
        if beta_start is beta_stop is sweeps is restarts is None:
            name = _parameter_free(name, "simulatedannealing")
        super().__init__(workspace, name, **kwargs)
        self.set_params(beta_start=beta_start, beta_stop=beta_stop, sweeps=sweeps, restarts=restarts)
        self.set_params(timeout=timeout, seed=seed)


class ParallelTempering(_MicrosoftSolver):
    """Parallel tempering: a replica for each inverse temperature in `all_betas`, `sweeps` sweeps each.

    `replicas` may be left to the length of `all_betas`; another number is a `ValueError`.
    """

    target_names = ("microsoft.paralleltempering.cpu", "microsoft.paralleltempering-parameterfree.cpu")

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.paralleltempering.cpu",
        sweeps: int | None = None,
        replicas: int | None = None,
        all_betas: Sequence[float] | None = None,
        timeout: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if sweeps is replicas is None and all_betas is None:
            name = _parameter_free(name, "paralleltempering")
        super().__init__(workspace, name, **kwargs)
        if all_betas is not None:
            replicas = len(all_betas) if replicas is None else replicas
            if replicas != len(all_betas):
                raise ValueError(f"replicas must be the length of all_betas, {len(all_betas)}, and is {replicas}")
        self.set_params(sweeps=sweeps, replicas=replicas, all_betas=all_betas, timeout=timeout, seed=seed)


class Tabu(_MicrosoftSolver):
    """Tabu search: a flipped variable stays as it is for `tabu_tenure` moves; `restarts` searches of `sweeps` moves."""

    target_names = ("microsoft.tabu.cpu", "microsoft.tabu-parameterfree.cpu")

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.tabu.cpu",
        sweeps: int | None = None,
        tabu_tenure: int | None = None,
        timeout: int | None = None,
        seed: int | None = None,
        restarts: int | None = None,
        **kwargs: Any,
    ) -> None:
        if sweeps is tabu_tenure is restarts is None:
            name = _parameter_free(name, "tabu")
        super().__init__(workspace, name, **kwargs)
        self.set_params(sweeps=sweeps, tabu_tenure=tabu_tenure, timeout=timeout, seed=seed, restarts=restarts)


class QuantumMonteCarlo(_MicrosoftSolver):
    """Simulated quantum annealing: `trotter_number` copies of the variables at inverse temperature `beta_start`.

    The transverse field goes from `transverse_field_start` to `transverse_field_stop` in `sweeps`, `restarts` times.
    """

    target_names = ("microsoft.qmc.cpu",)

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.qmc.cpu",
        trotter_number: int | None = None,
        seed: int | None = None,
        transverse_field_start: float | None = None,
        transverse_field_stop: float | None = None,
        restarts: int | None = None,
        sweeps: int | None = None,
        beta_start: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(workspace, name, **kwargs)
        self.set_params(transverse_field_start=transverse_field_start, transverse_field_stop=transverse_field_stop)
        self.set_params(trotter_number=trotter_number, seed=seed, restarts=restarts, sweeps=sweeps)
        self.set_params(beta_start=beta_start)


class PopulationAnnealing(_MicrosoftSolver):
    """Population annealing: `population` walkers follow `beta` in `sweeps`, and begin anew as `alpha` says.

    `alpha` is above 1, `beta` does not fall and stays above 0, and the counts are ints above 0: else `ValueError`.
    """

    target_names = ("microsoft.populationannealing.cpu", "microsoft.populationannealing-parameterfree.cpu")

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.populationannealing.cpu",
        alpha: float | None = None,
        seed: int | None = None,
        population: int | None = None,
        sweeps: int | None = None,
        beta: RangeSchedule | None = None,
        timeout: int | None = None,
        content_type: ContentType | None = ContentType.json,
        **kwargs: Any,
    ) -> None:
        name = name if timeout is None else self.target_names[1]
        super().__init__(workspace, name, content_type=content_type, **kwargs)
        self.set_params(
            alpha=number_above("alpha", alpha, 1),
            seed=seed,
            population=positive_int("population", population),
            sweeps=positive_int("sweeps", sweeps),
            beta=rising("beta", beta),
            timeout=positive_int("timeout", timeout),
        )


class SubstochasticMonteCarlo(_MicrosoftSolver):
    """Substochastic Monte Carlo: about `target_population` walkers, which step as `alpha` and survive as `beta` says.

    `alpha` does not rise and stays at or above 0, `beta` does not fall and stays above 0, and the counts are ints above
    0: else `ValueError`.
    """

    target_names = ("microsoft.substochasticmontecarlo.cpu", "microsoft.substochasticmontecarlo-parameterfree.cpu")

    def __init__(
        self,
        workspace: Workspace,
        name: str = "microsoft.substochasticmontecarlo.cpu",
        alpha: RangeSchedule | None = None,
        seed: int | None = None,
        target_population: int | None = None,
        step_limit: int | None = None,
        beta: RangeSchedule | None = None,
        steps_per_walker: int | None = None,
        timeout: int | None = None,
        content_type: ContentType | None = ContentType.json,
        **kwargs: Any,
    ) -> None:
        name = name if timeout is None else self.target_names[1]
        super().__init__(workspace, name, content_type=content_type, **kwargs)
        self.set_params(
            seed=seed,
            steps_per_walker=positive_int("steps_per_walker", steps_per_walker),
            target_population=positive_int("target_population", target_population),
            step_limit=positive_int("step_limit", step_limit),
            alpha=falling("alpha", alpha),
            beta=rising("beta", beta),
            timeout=positive_int("timeout", timeout),
        )


def _parameter_free(name: str, algorithm: str) -> str:
    return name.replace(f".{algorithm}.", f".{algorithm}-parameterfree.")
