"""A job's `input_params` as the parameters of its target, checked before anything runs."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from kyanite.errors import ProviderError
from kyanite_providers.local.parameters import (
    TARGETS,
    Annealing,
    Bifurcation,
    Parameters,
    PopulationAnnealing,
    Range,
    Substochastic,
    Tempering,
)

_AT: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)


def read_parameters(target: str, input_params: object, timeout_s: float | None = None) -> Parameters:
    """Return the typed parameters of a job on one of `TARGETS`: from `input_params["params"]`, or from it
    itself.

    An absent or null parameter takes its default. `timeout_s` is the job's own time limit, which the search
    must be able to keep. Raises `ProviderError` `InvalidInputParams` (AZQ107) that names the parameter.
    """
    values, prefix = _values(input_params)
    kind = TARGETS[target].parameters
    given = {name: value for name, value in values.items() if value is not None}
    try:
        # Toshiba's clients send numbers as text.
        parameters = msgspec.convert(given, kind, strict=kind is not Bifurcation)
    except msgspec.ValidationError as error:
        raise _fault(error, prefix, kind) from error
    _check_search(parameters, prefix, timeout_s)
    if isinstance(parameters, Annealing):
        _check_annealing(parameters, prefix)
    if isinstance(parameters, Tempering):
        _check_tempering(parameters, prefix)
    for name, given_range, rises in _ranges(parameters):
        _check_range(given_range, rises, f"{prefix}.{name}")
    return parameters


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
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
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


def _ranges(parameters: Parameters) -> Iterator[tuple[str, Range, bool]]:
    """Yield each schedule with its name, and whether it is to rise."""
    if isinstance(parameters, PopulationAnnealing | Substochastic):
        yield "beta", parameters.beta, True
    if isinstance(parameters, Substochastic):
        yield "alpha", parameters.alpha, False


def _check_range(given: Range, rises: bool, field: str) -> None:  # noqa: FBT001
    low, high = (given.initial, given.final) if rises else (given.final, given.initial)
    if not (0 <= low <= high and math.isfinite(high)):
        raise invalid_parameter(field, f"expected to {'rise' if rises else 'fall'} and not below 0")
    if not rises and high > 1:
        raise invalid_parameter(field, f"expected chances, at most 1, got {high:g}")
    if given.type == "geometric" and low == 0:
        raise invalid_parameter(field, "a geometric schedule can not reach 0")
