"""The parameters of each target: names, types, ranges and defaults.

Names and meanings are those of the QIO solvers, and of Toshiba's for `toshiba.sbm.ising`. Most defaults were never
published; the ones here are ours: 1,000 sweeps; 16 restarts (the toolkit's 1 is poor, the service's 72 was one a core
of its machine); betas and temperatures from the cost changes that the problem shows; 5 seconds for the parameter-free
forms, as published for two others; 64 walkers, where the service took one a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from msgspec import Meta, Struct, field

SECONDS_MAX: Final = 10**8
COUNT_MAX: Final = 10**9
REPLICAS_MAX: Final = 4096
WALKERS_MAX: Final = 1 << 20
SLICES_MAX: Final = 1024
SOLUTIONS_MAX: Final = 10_000
SEARCH_S: Final = 5.0
"""How long a parameter-free search goes on unless `timeout` says otherwise."""
BIFURCATION_S: Final = 10
"""The same for simulated bifurcation, as its maker published it."""
_SEARCH_SHARE: Final = 0.8

Count: TypeAlias = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
Replicas: TypeAlias = Annotated[int, Meta(ge=1, le=REPLICAS_MAX)]
Walkers: TypeAlias = Annotated[int, Meta(ge=1, le=WALKERS_MAX)]
Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=SECONDS_MAX)]
SolutionCount: TypeAlias = Annotated[int, Meta(ge=1, le=SOLUTIONS_MAX)]
Beta: TypeAlias = Annotated[float, Meta(gt=0)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Seed: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Range(Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule from `initial` to `final`, in equal steps or in equal ratios."""

    type: Literal["linear", "geometric"]
    initial: float
    final: float


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every solver takes: a limit of the search in seconds, a seed, and how many solutions at most.

    The parameter-free ones take nothing else: they end at the limit, or when the evidence suffices.
    """

    timeout: Seconds | None = None
    seed: Seed | None = None
    number_of_solutions: SolutionCount = 1


class Annealing(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Simulated annealing: beta rises from start to stop, `sweeps` times over all variables, `restarts`
    times.
    """

    sweeps: Count = 1000
    restarts: Count = 16
    beta_start: Beta | None = None
    beta_stop: Beta | None = None


class Tempering(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parallel tempering: one replica a beta, `sweeps` sweeps each. `replicas` counts `all_betas` if both
    are given.
    """

    sweeps: Count = 1000
    replicas: Replicas | None = None
    all_betas: Annotated[list[Beta], Meta(min_length=1, max_length=REPLICAS_MAX)] | None = None


class Tabu(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Tabu search: the best flip that is not forbidden, `sweeps` times. `replicas` is taken and ignored, as before."""

    sweeps: Count = 100_000
    tabu_tenure: Count | None = None
    restarts: Count = 16
    replicas: int | None = None


class QuantumMonteCarlo(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Simulated quantum annealing: `trotter_number` slices in a transverse field that falls; the documented examples
    are the defaults, but for beta, which follows from the problem.
    """

    sweeps: Count = 1000
    restarts: Count = 16
    trotter_number: Annotated[int, Meta(ge=1, le=SLICES_MAX)] = 10
    beta_start: Beta | None = None
    transverse_field_start: NotNegative | None = None
    transverse_field_stop: NotNegative | None = None


class PopulationAnnealing(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Population annealing with the documented defaults."""

    sweeps: Count = 10_000
    population: Walkers = 64
    beta: Range = Range("linear", 0.0, 5.0)
    alpha: Annotated[float, Meta(gt=1)] = 2.0
    culling_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.2


class PopulationAnnealingParameterFree(
    Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Population annealing that finds its parameters itself, until `timeout` or until the evidence suffices."""


class Substochastic(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Substochastic Monte Carlo with the documented defaults."""

    step_limit: Count = 10_000
    target_population: Annotated[int, Meta(ge=8, le=WALKERS_MAX)] = 64
    alpha: Range = Range("linear", 1.0, 0.0)
    beta: Range = Range("linear", 0.0, 5.0)
    steps_per_walker: Count = 1


class Bifurcation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Simulated bifurcation. Its clients send every value as text, and nothing in `params`."""

    steps: Annotated[int, Meta(ge=0, le=10**8)] = 0
    loops: Annotated[int, Meta(ge=0, le=10**7)] = 1
    target_val: float | None = None
    maxout: Annotated[int, Meta(ge=1, le=1000)] = 1
    timeout: Annotated[float, Meta(gt=0, le=SECONDS_MAX)] | None = None
    dt: Annotated[float, Meta(gt=0, le=1)] | None = None
    coupling: Annotated[float, Meta(ge=0)] = field(default=0.0, name="C")
    algo: Literal["1.5", "2.0"] = "2.0"
    auto: bool = False
    seed: Seed | None = None

    @property
    def number_of_solutions(self) -> int:
        """How many solutions are returned at most."""
        return self.maxout


Parameters: TypeAlias = (
    Search | Annealing | Tempering | Tabu | QuantumMonteCarlo | PopulationAnnealing | Substochastic | Bifurcation
)


class Offer(NamedTuple):
    """What a target takes, and what it is in a sentence."""

    parameters: type[Parameters]
    description: str


TARGETS: Final[Mapping[str, Offer]] = {
    "microsoft.simulatedannealing.cpu": Offer(Annealing, "Simulated annealing with given parameters"),
    "microsoft.simulatedannealing-parameterfree.cpu": Offer(
        Search, "Simulated annealing that finds its parameters itself"
    ),
    "microsoft.paralleltempering.cpu": Offer(Tempering, "Parallel tempering with given parameters"),
    "microsoft.paralleltempering-parameterfree.cpu": Offer(
        Search, "Parallel tempering that finds its parameters itself"
    ),
    "microsoft.tabu.cpu": Offer(Tabu, "Tabu search with given parameters"),
    "microsoft.tabu-parameterfree.cpu": Offer(Search, "Tabu search that finds its parameters itself"),
    "microsoft.qmc.cpu": Offer(QuantumMonteCarlo, "Simulated quantum annealing by path-integral Monte Carlo"),
    "microsoft.populationannealing.cpu": Offer(PopulationAnnealing, "Population annealing with given parameters"),
    "microsoft.populationannealing-parameterfree.cpu": Offer(
        Search, "Population annealing that finds its parameters itself"
    ),
    "microsoft.substochasticmontecarlo.cpu": Offer(Substochastic, "Substochastic Monte Carlo with given parameters"),
    "microsoft.substochasticmontecarlo-parameterfree.cpu": Offer(
        Search, "Substochastic Monte Carlo that finds its parameters itself"
    ),
    "toshiba.sbm.ising": Offer(Bifurcation, "Simulated bifurcation"),
    "kyanite.auto.cpu": Offer(Search, "The algorithm that suits the problem, found by looking at it"),
}

_BY_WORK: Final = (Annealing, Tempering, Tabu, QuantumMonteCarlo, PopulationAnnealing, Substochastic)
"""What ends when its work is done, however long that takes."""


def search_s(parameters: Parameters, timeout_s: float | None) -> float | None:
    """Return how long the search may go on, in seconds; `None` for as long as its work takes."""
    if parameters.timeout is not None:
        return float(parameters.timeout)
    if isinstance(parameters, _BY_WORK):
        return None
    own_s = BIFURCATION_S if isinstance(parameters, Bifurcation) else SEARCH_S
    # Our own default must not make the job miss a limit that its user chose.
    return own_s if timeout_s is None else min(own_s, _SEARCH_SHARE * timeout_s)
