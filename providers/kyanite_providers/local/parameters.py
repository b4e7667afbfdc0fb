"""The parameters of each target: names, types, ranges and defaults; checked before anything runs.

Names and meanings are those of the QIO solvers. Most defaults were never published; the ones here are ours:
1,000 sweeps; 16 restarts (the toolkit's 1 is poor, the service's 72 was one a core of its machine); betas and
temperatures from the cost changes that the problem shows; 5 seconds for the parameter-free forms, as
published for two others.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from kyanite.errors import ProviderError

SECONDS_MAX: Final = 10**8
COUNT_MAX: Final = 10**9
REPLICAS_MAX: Final = 4096
SOLUTIONS_MAX: Final = 10_000
SEARCH_S: Final = 5.0
"""How long a parameter-free search goes on unless `timeout` says otherwise."""
_SEARCH_SHARE: Final = 0.8

Count: TypeAlias = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
Replicas: TypeAlias = Annotated[int, Meta(ge=1, le=REPLICAS_MAX)]
Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=SECONDS_MAX)]
SolutionCount: TypeAlias = Annotated[int, Meta(ge=1, le=SOLUTIONS_MAX)]
Beta: TypeAlias = Annotated[float, Meta(gt=0)]
Seed: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

_AT: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)


class Search(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every solver takes: a limit of the search in seconds, a seed, and how many solutions at most."""

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


class AnnealingParameterFree(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Simulated annealing that finds its parameters itself, until `timeout` or until the evidence
    suffices.
    """


class TemperingParameterFree(Search, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parallel tempering that finds its parameters itself, until `timeout` or until the evidence suffices."""


Parameters: TypeAlias = Annealing | Tempering | AnnealingParameterFree | TemperingParameterFree

TARGETS: Final[Mapping[str, type[Parameters]]] = {
    "microsoft.simulatedannealing.cpu": Annealing,
    "microsoft.simulatedannealing-parameterfree.cpu": AnnealingParameterFree,
    "microsoft.paralleltempering.cpu": Tempering,
    "microsoft.paralleltempering-parameterfree.cpu": TemperingParameterFree,
}


def read_parameters(target: str, input_params: object, timeout_s: float | None = None) -> Parameters:
    """Return the typed parameters of a job on one of `TARGETS`: from `input_params["params"]`, or from it
    itself.

    An absent or null parameter takes its default. `timeout_s` is the job's own time limit, which the search
    must be able to keep. Raises `ProviderError` `InvalidInputParams` (AZQ107) that names the parameter.
    """
    values, prefix = _values(input_params)
    kind = TARGETS[target]
    given = {name: value for name, value in values.items() if value is not None}
    try:
        parameters = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise _fault(error, prefix, kind) from error
    _check_search(parameters, prefix, timeout_s)
    if isinstance(parameters, Annealing):
        _check_annealing(parameters, prefix)
    if isinstance(parameters, Tempering):
        _check_tempering(parameters, prefix)
    return parameters


def search_s(parameters: Parameters, timeout_s: float | None) -> float | None:
    """Return how long the search may go on, in seconds; `None` for as long as its sweeps take."""
    if parameters.timeout is not None:
        return float(parameters.timeout)
    if isinstance(parameters, Annealing | Tempering):
        return None
    # Our own default must not make the job miss a limit that its user chose.
    return SEARCH_S if timeout_s is None else min(SEARCH_S, _SEARCH_SHARE * timeout_s)


def invalid_parameter(field: str, problem: str) -> ProviderError:
    """Return the error for a parameter at fault."""
    return ProviderError("InvalidInputParams", f"AZQ107: {field}: {problem}", target=field)


def _values(input_params: object) -> tuple[Mapping[str, Any], str]:
    if input_params is None:
        return {}, "params"
    if not isinstance(input_params, Mapping):
        raise invalid_parameter("input_params", f"expected an object, got {type(input_params).__name__}")
    if "params" not in input_params:
        return input_params, "input_params"
    for beside in input_params:
        if beside != "params":
            raise invalid_parameter(f"input_params.{str(beside)[:100]}", "stands beside params; put it inside")
    values = input_params["params"]
    if values is None:
        return {}, "params"
    if not isinstance(values, Mapping):
        raise invalid_parameter("params", f"expected an object, got {type(values).__name__}")
    return values, "params"


def _fault(error: msgspec.ValidationError, prefix: str, kind: type[Parameters]) -> ProviderError:
    match = _AT.match(str(error))
    problem, path = (match["problem"], match["path"] or "") if match else (str(error), "")
    if unknown := _UNKNOWN.match(problem):
        name = unknown["field"][:100]
        known = [field.name for field in msgspec.structs.fields(kind)]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"this target takes {', '.join(sorted(known))}"
        return invalid_parameter(f"{prefix}.{name}", f"no such parameter; {hint}")
    problem = problem[:200].replace("`", "").replace(" | null", "")
    return invalid_parameter(prefix + path, problem[:1].lower() + problem[1:])


def _check_search(parameters: Parameters, prefix: str, timeout_s: float | None) -> None:
    if parameters.timeout is not None and timeout_s is not None and parameters.timeout >= timeout_s:
        problem = f"a search of {parameters.timeout} s does not fit into the job's time limit of {timeout_s:g} s"
        raise invalid_parameter(f"{prefix}.timeout", problem)


def _check_annealing(parameters: Annealing, prefix: str) -> None:
    start, stop = parameters.beta_start, parameters.beta_stop
    for name, beta in (("beta_start", start), ("beta_stop", stop)):
        if beta is not None and not math.isfinite(beta):
            raise invalid_parameter(f"{prefix}.{name}", "expected a finite number")
    if start is not None and stop is not None and not start < stop:
        raise invalid_parameter(f"{prefix}.beta_stop", f"expected more than beta_start ({start:g}), got {stop:g}")


def _check_tempering(parameters: Tempering, prefix: str) -> None:
    betas = parameters.all_betas
    if betas is None:
        return
    for place, beta in enumerate(betas):
        if not math.isfinite(beta):
            raise invalid_parameter(f"{prefix}.all_betas[{place}]", "expected a finite number")
    if parameters.replicas not in {None, len(betas)}:
        problem = f"expected the length of all_betas ({len(betas)}), got {parameters.replicas}"
        raise invalid_parameter(f"{prefix}.replicas", problem)
