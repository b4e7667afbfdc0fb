"""A problem ready for the kernels: variables numbered from 0, no variable twice in a term, and the way
back to ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from kyanite_providers.local.inflate import invalid, read_source
from kyanite_providers.local.qio import Products, Wire, read_qio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_providers.local.frames import Source

COST_MAX: Final = float(np.finfo(np.float64).max) / 1024
_SPARSE_FACTOR: Final = 8
_SPARSE_MIN: Final = 1 << 16


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """The cost function over variables 0..n-1, and what they were called.

    `ids` is int64[n], rising: variable i is called `ids[i]`. Term t is `coefficient[t]` times the variables
    `variable[start[t]:start[t + 1]]`, all different. Group g is `group_scale[g]` times the square of
    `group_offset[g]` plus the `group_weight` times `group_variable` in `group_start[g]:group_start[g + 1]`.
    The initial configuration sets variable `initial_variable[k]` to `initial_value[k]`, int8; it may leave
    variables out.

    Plain arrays: whoever only inspects a problem need not load the kernels.
    """

    kind: Literal["ising", "pubo"]
    ids: NDArray[np.int64]
    coefficient: NDArray[np.float64]
    start: NDArray[np.int64]
    variable: NDArray[np.int32]
    group_scale: NDArray[np.float64]
    group_offset: NDArray[np.float64]
    group_start: NDArray[np.int64]
    group_variable: NDArray[np.int32]
    group_weight: NDArray[np.float64]
    initial_variable: NDArray[np.int64]
    initial_value: NDArray[np.int8]
    inflated_bytes: int

    @property
    def references(self) -> int:
        """The number of places where a variable occurs."""
        return self.variable.size + self.group_variable.size


def read_problem(source: Source, inflated_max_bytes: int) -> Problem:
    """Read a `microsoft.qio.v2` problem, gzip or not. Raises `ProviderError` that names what is wrong."""
    plain = read_source(source, inflated_max_bytes)
    size = len(plain)
    wire = read_qio(plain)
    del plain
    return problem_of(wire, size)


def problem_of(wire: Wire, inflated_bytes: int) -> Problem:
    """Number the variables, and simplify what names one twice. Raises `ProviderError`."""
    ids, (variable, inner_variable) = _numbered(wire.products.ids, wire.inner.ids)
    products = _simplified(wire.products._replace(ids=variable), wire.kind, ids.size)
    inner = _simplified(wire.inner._replace(ids=inner_variable), wire.kind, ids.size)
    _require_linear(inner, wire.group_start)
    offset, group_start, group_variable, weight = _linear_forms(inner, wire.group_start, ids.size)
    initial_variable, initial_value = _initial(wire.initial, ids)
    problem = Problem(
        kind=wire.kind,
        ids=ids,
        coefficient=products.coefficient,
        start=products.start,
        variable=products.ids.astype(np.int32),
        group_scale=wire.group_scale,
        group_offset=offset,
        group_start=group_start,
        group_variable=group_variable.astype(np.int32),
        group_weight=weight,
        initial_variable=initial_variable,
        initial_value=initial_value,
        inflated_bytes=inflated_bytes,
    )
    _require_finite_costs(problem)
    return problem


def _numbered(*parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Return the distinct ids, rising, and each part with every id replaced by its place among them."""
    everything = np.concatenate(parts)
    highest = int(everything.max(initial=-1))
    if highest < max(_SPARSE_FACTOR * everything.size, _SPARSE_MIN):
        present = np.zeros(highest + 1, dtype=np.bool_)
        present[everything] = True
        place = np.cumsum(present) - 1
        return np.flatnonzero(present), [place[part] for part in parts]
    ids = np.unique(everything)
    return ids, [np.searchsorted(ids, part) for part in parts]


def _simplified(products: Products, kind: str, n: int) -> Products:
    """Let no product name a variable twice: s * s = 1 for spins, x * x = x for 0/1 variables."""
    lengths = np.diff(products.start)
    if lengths.max(initial=0) <= 1:
        return products
    owner = np.repeat(np.arange(lengths.size, dtype=np.int64), lengths)
    keys = owner * n + products.ids
    keys.sort()
    if not (keys[1:] == keys[:-1]).any():
        return products
    distinct, counts = np.unique(keys, return_counts=True)
    kept = distinct[counts % 2 == 1] if kind == "ising" else distinct
    start = np.zeros_like(products.start)
    np.cumsum(np.bincount(kept // n, minlength=lengths.size), out=start[1:])
    return Products(products.coefficient, start, kept % n)


def _require_linear(inner: Products, group_start: NDArray[np.int64]) -> None:
    crooked = np.flatnonzero(np.diff(inner.start) > 1)
    if crooked.size:
        group = int(np.searchsorted(group_start, crooked[0], side="right")) - 1
        path = f"cost_function.terms_slc[{group}].terms[{crooked[0] - group_start[group]}].ids"
        raise invalid("AZQ103", path, "a term of a squared group holds one variable, or none")


def _require_finite_costs(problem: Problem) -> None:
    """Refuse a problem whose costs could leave the range of a double, with room for sums on the way."""
    owner = np.repeat(np.arange(problem.group_scale.size), np.diff(problem.group_start))
    with np.errstate(over="ignore", invalid="ignore"):
        reach = np.bincount(owner, np.abs(problem.group_weight), minlength=problem.group_scale.size)
        reach = reach + np.abs(problem.group_offset)
        largest = np.abs(problem.coefficient).sum() + (np.abs(problem.group_scale) * reach * reach).sum()
    if not largest <= COST_MAX:
        raise invalid("AZQ103", "cost_function", f"the absolute values add up to more than {COST_MAX:.3g}")


def _linear_forms(
    inner: Products, group_start: NDArray[np.int64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the groups' constants, and their like terms added up: start, variable and weight."""
    groups = group_start.size - 1
    owner = np.repeat(np.arange(groups, dtype=np.int64), np.diff(group_start))
    constant = np.diff(inner.start) == 0
    with np.errstate(over="ignore"):
        offset = np.zeros(groups)
        np.add.at(offset, owner[constant], inner.coefficient[constant])
        keys, place = np.unique(owner[~constant] * n + inner.ids, return_inverse=True)
        weight = np.zeros(keys.size)
        np.add.at(weight, place, inner.coefficient[~constant])
    start = np.zeros(groups + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys // max(n, 1), minlength=groups), out=start[1:])
    return offset, start, keys % max(n, 1), weight


def _initial(initial: dict[int, int], ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    named = np.fromiter(initial.keys(), np.int64, len(initial))
    variable = np.searchsorted(ids, named)
    known = np.zeros(named.size, dtype=np.bool_)
    inside = variable < ids.size
    known[inside] = ids[variable[inside]] == named[inside]
    if not known.all():
        unknown = int(named[~known][0])
        raise invalid("AZQ104", f"cost_function.initial_configuration.{unknown}", "no term has this variable")
    return variable, np.fromiter(initial.values(), np.int8, len(initial))
