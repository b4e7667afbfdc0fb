"""A cost function as flat arrays: the one input form of every solver here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Float64s: TypeAlias = NDArray[np.float64]
Int64s: TypeAlias = NDArray[np.int64]
Int32s: TypeAlias = NDArray[np.int32]
Int8s: TypeAlias = NDArray[np.int8]
Kind: TypeAlias = Literal["ising", "pubo"]

COST_MAX: Final = float(np.finfo(np.float64).max) / 1024
"""Largest sum of absolute values a cost function may reach: the rest is headroom, so that no field overflows."""

_PIECE: Final = 1 << 16
_PAIR: Final = 2


def _no_floats() -> Float64s:
    return np.zeros(0, dtype=np.float64)


def _no_variables() -> Int32s:
    return np.zeros(0, dtype=np.int32)


def _no_ranges() -> Int64s:
    return np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Terms:
    """Cost = sum of `coefficient[t]` times its variables' product, plus `scale * (sum_i a_i x_i + a_0)^2` per group.

    Variables are 0..n-1 and take -1/+1 (`kind="ising"`) or 0/1 (`kind="pubo"`). Term t holds the distinct variables
    `variable[start[t]:start[t + 1]]`; an empty range is a constant. Group g holds `group_variable` and `group_weight`
    in `group_start[g]:group_start[g + 1]`, and the constant a_0 in `group_offset[g]`. A variable may occur in no term.

    Raises ValueError where ranges, indices or numbers are not of that form, or where the sum of absolute values
    exceeds `COST_MAX`.
    """

    kind: Kind
    n: int
    coefficient: Float64s = field(default_factory=_no_floats)
    start: Int64s = field(default_factory=_no_ranges)
    variable: Int32s = field(default_factory=_no_variables)
    group_scale: Float64s = field(default_factory=_no_floats)
    group_offset: Float64s = field(default_factory=_no_floats)
    group_start: Int64s = field(default_factory=_no_ranges)
    group_variable: Int32s = field(default_factory=_no_variables)
    group_weight: Float64s = field(default_factory=_no_floats)

    def __post_init__(self) -> None:
        """Bring every array to its type and check the whole."""
        for name in ("coefficient", "group_scale", "group_offset", "group_weight"):
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        for name in ("start", "group_start"):
            object.__setattr__(self, name, plain(getattr(self, name), np.int64))
        for name in ("variable", "group_variable"):
            object.__setattr__(self, name, plain(getattr(self, name), np.int32))
        _check(self)

    @property
    def degree(self) -> int:
        """The number of variables of the longest term; groups do not count."""
        return int(np.diff(self.start).max(initial=0))


def plain(values: ArrayLike, dtype: DTypeLike) -> NDArray[np.generic]:
    """Return `values` contiguous, aligned and writable: numba sees any other layout as another type."""
    return np.require(values, dtype=dtype, requirements=["C", "A", "W"])


def _finite(name: str, values: ArrayLike) -> Float64s:
    array = np.require(values, dtype=np.float64, requirements=["C", "A", "W"])
    if not np.isfinite(array).all():
        msg = f"{name} holds a value that is not finite"
        raise ValueError(msg)
    return array


def _check(terms: Terms) -> None:
    if terms.kind not in {"ising", "pubo"}:
        msg = f"kind is 'ising' or 'pubo', not {terms.kind!r}"
        raise ValueError(msg)
    if not 0 <= terms.n < 2**31:
        msg = f"n is between 0 and 2^31 - 1, not {terms.n}"
        raise ValueError(msg)
    _check_ranges("start", terms.start, terms.coefficient.size, terms.variable.size)
    _check_ranges("group_start", terms.group_start, terms.group_scale.size, terms.group_variable.size)
    if terms.group_offset.size != terms.group_scale.size or terms.group_weight.size != terms.group_variable.size:
        msg = "group_offset goes with group_scale, group_weight with group_variable: their sizes differ"
        raise ValueError(msg)
    _check_variables("variable", terms.variable, terms.start, terms.n)
    _check_variables("group_variable", terms.group_variable, terms.group_start, terms.n)
    _check_size(terms)


def _check_ranges(name: str, start: Int64s, count: int, total: int) -> None:
    if start.shape != (count + 1,) or start[0] != 0 or start[-1] != total or (np.diff(start) < 0).any():
        msg = f"{name} must rise from 0 to {total} in {count} steps"
        raise ValueError(msg)


def _check_variables(name: str, variable: Int32s, start: Int64s, n: int) -> None:
    if variable.size == 0:
        return
    if variable.min() < 0 or variable.max() >= n:
        msg = f"{name} must lie between 0 and {n - 1}"
        raise ValueError(msg)
    # In pieces: one sort of all keys would take several times the memory of the terms.
    if any(_repeats(variable, start[at : at + _PIECE + 1], n) for at in range(0, start.size - 1, _PIECE)):
        msg = f"{name} repeats a variable within one term or group"
        raise ValueError(msg)


def _repeats(variable: Int32s, start: Int64s, n: int) -> bool:
    lengths = np.diff(start)
    if lengths.max(initial=0) <= _PAIR:
        pairs = start[:-1][lengths == _PAIR]
        return bool((variable[pairs] == variable[pairs + 1]).any())
    keys = np.sort(np.repeat(np.arange(lengths.size), lengths) * n + variable[start[0] : start[-1]])
    return bool((keys[1:] == keys[:-1]).any())


def _check_size(terms: Terms) -> None:
    owner = np.repeat(np.arange(terms.group_scale.size), np.diff(terms.group_start))
    with np.errstate(over="ignore"):
        reach = np.abs(terms.group_offset)
        reach = reach + np.bincount(owner, np.abs(terms.group_weight), minlength=reach.size)
        total = np.abs(terms.coefficient).sum() + (np.abs(terms.group_scale) * reach * reach).sum()
    if not total <= COST_MAX:
        msg = "the cost function overflows: the sum of its absolute values exceeds a double"
        raise ValueError(msg)
