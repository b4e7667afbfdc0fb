"""A problem ready for the kernels: variables numbered from 0, no variable twice in a term, and the way
back to ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from kyanite_providers.local.archive import is_archive
from kyanite_providers.local.inflate import Plain, invalid, opened
from kyanite_providers.local.products import Ids, Products, starts
from kyanite_providers.local.qio import Wire, read_long_qio, read_qio
from kyanite_providers.local.term_list import AT_ONCE_BYTES_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_providers.local.frames import Source


COST_MAX: Final = float(np.finfo(np.float64).max) / 1024
_SPARSE_FACTOR: Final = 4
_SPARSE_MIN: Final = 1 << 16
_BLOCK: Final = 1 << 16
_PAIR: Final = 2


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
    """Read a `microsoft.qio.v2` problem: JSON, or an archive of protobuf messages; gzip or not.

    Raises `ProviderError` that names what is wrong.
    """
    with opened(source, inflated_max_bytes) as plain:
        wire = _read_wire(plain)
        return problem_of(wire, plain.size)


def _read_wire(plain: Plain) -> Wire:
    head: list[bytes] = []
    while plain.size <= AT_ONCE_BYTES_MAX and (piece := next(plain, None)) is not None:
        head.append(piece)
    if is_archive(b"".join(head)):
        return _read_archive(chain(head, plain))
    return read_long_qio(chain(head, plain)) if plain.size > AT_ONCE_BYTES_MAX else read_qio(b"".join(head))


def _read_archive(pieces: Iterable[bytes]) -> Wire:
    # Its scanner takes longer to load than most problems to read.
    from kyanite_providers.local.qio_messages import read_messages

    return read_messages(pieces)


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
        variable=products.ids.astype(np.int32, copy=False),
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


def _numbered(*parts: Ids) -> tuple[NDArray[np.int64], list[NDArray[np.int32]]]:
    """Return the distinct ids, rising, and each part with every id replaced by its place among them."""
    highest = max(int(part.max(initial=-1)) for part in parts)
    if highest < max(_SPARSE_FACTOR * sum(part.size for part in parts), _SPARSE_MIN):
        present = np.zeros(highest + 1, dtype=np.bool_)
        for part in parts:
            for block in _blocks(part.size):
                present[part[block]] = True
        ids = np.flatnonzero(present)
        place = np.zeros(highest + 1, dtype=np.int32)
        place[ids] = np.arange(ids.size, dtype=np.int32)
        return ids, [_replaced(part, place.take) for part in parts]
    known = np.unique(np.concatenate(parts))
    return known.astype(np.int64), [_replaced(part, lambda ids: np.searchsorted(known, ids)) for part in parts]


def _blocks(size: int) -> Iterator[slice]:
    """Cut a range into blocks: numpy's indexing makes copies of 64 bits an element."""
    return (slice(at, min(at + _BLOCK, size)) for at in range(0, size, _BLOCK))


def _replaced(ids: Ids, place: Callable[[Ids], NDArray[np.integer]]) -> NDArray[np.int32]:
    variable = np.empty(ids.size, dtype=np.int32)
    for block in _blocks(ids.size):
        variable[block] = place(ids[block])
    return variable


def _simplified(products: Products, kind: str, n: int) -> Products:
    """Let no product name a variable twice: s * s = 1 for spins, x * x = x for 0/1 variables."""
    if not any(_repeats(products, block, n) for block in _blocks(products.coefficient.size)):
        return products
    kept, lengths = [], []
    for block in _blocks(products.coefficient.size):
        distinct, counts = np.unique(_keys(products, block, n), return_counts=True)
        keys = distinct[counts % 2 == 1] if kind == "ising" else distinct
        kept.append((keys % n).astype(np.int32))
        lengths.append(np.bincount(keys // n, minlength=products.coefficient[block].size))
    return Products(products.coefficient, starts(np.concatenate(lengths)), np.concatenate(kept))


def _keys(products: Products, block: slice, n: int) -> NDArray[np.int64]:
    """Return for every place where a variable occurs in a block of products a number that says both."""
    start = products.start[block.start : block.stop + 1]
    owner = np.repeat(np.arange(start.size - 1, dtype=np.int64), np.diff(start))
    return owner * n + products.ids[start[0] : start[-1]]


def _repeats(products: Products, block: slice, n: int) -> bool:
    first = products.start[block]
    lengths = products.start[block.start + 1 : block.stop + 1] - first
    if lengths.max() <= _PAIR:
        pairs = first[lengths == _PAIR]
        return bool((products.ids[pairs] == products.ids[pairs + 1]).any())
    keys = np.sort(_keys(products, block, n))
    return bool((keys[1:] == keys[:-1]).any())


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
        largest = (np.abs(problem.group_scale) * reach * reach).sum()
        for block in _blocks(problem.coefficient.size):
            largest += np.abs(problem.coefficient[block]).sum()
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
