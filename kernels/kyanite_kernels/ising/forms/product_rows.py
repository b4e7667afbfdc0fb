"""A cost function as products at their own degree, as a sweep reads them: by variable, the other members, a weight."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kyanite_kernels.ising.terms import Float64s, Int32s, Int64s, Terms

Block: TypeAlias = tuple[Int32s, Float64s]
"""Terms of one degree: members, int32[m, degree], each row rising, no row twice; and weights, float64[m], none 0."""

_Members: TypeAlias = tuple[Int32s, Int32s, Float64s]


class Rows(NamedTuple):
    """Products seen from their members: row r, of variable i, is in `start[i]:start[i + 1]`.

    `other[r]` are the other members; `weight[r]` repeats the weight until it fills 32 bits.
    """

    start: Int64s
    other: Int32s
    weight: Int32s


class Chains(NamedTuple):
    """Products of any length: row r has the other members `other[first[r]:first[r + 1]]`."""

    start: Int64s
    first: Int64s
    other: Int32s
    weight: Int32s


class Whole(NamedTuple):
    """Every product once: product t has the members `member[first[t]:first[t + 1]]` and `weight[t]`."""

    first: Int64s
    member: Int32s
    weight: Float64s


def blocks_of(terms: Terms) -> tuple[float, dict[int, Block]]:
    """Return the constant of `terms` and the merged terms of each degree; groups are left out."""
    constant, blocks = 0.0, {}
    degrees = np.diff(terms.start)
    for degree in np.unique(degrees).tolist():
        rows = np.flatnonzero(degrees == degree)
        if degree == 0:
            constant = float(terms.coefficient[rows].sum())
            continue
        members = np.sort(terms.variable[terms.start[rows, None] + np.arange(degree)], axis=1)
        order = np.lexsort(members.T[::-1])
        members = members[order]
        is_new = np.ones(rows.size, dtype=bool)
        is_new[1:] = (members[1:] != members[:-1]).any(axis=1)
        weight = np.add.reduceat(terms.coefficient[rows][order], np.flatnonzero(is_new))
        if (weight != 0).any():
            blocks[degree] = members[is_new][weight != 0], weight[weight != 0]
    return constant, blocks


def repeated_bits(weight: Float64s, dtype: np.dtype[Any]) -> Int32s:
    """Return each weight as `dtype`, modulo 2^bits if an integer, repeated to fill 32 bits."""
    numbers = weight.astype(np.int64).astype(dtype) if dtype.kind == "i" else weight.astype(dtype)
    return np.repeat(numbers, 4 // dtype.itemsize).view(np.int32)


def rows_of(n: int, blocks: dict[int, Block], degree: int, dtype: np.dtype[Any]) -> Rows:
    """Return the products of one degree by variable; there are less than 2^31 rows."""
    members, weight = blocks.get(degree, (np.zeros((0, degree), np.int32), np.zeros(0)))
    owner = members.ravel(order="F")
    # Row r is of product r mod m and its member r // m: indices are small and few at a time, as these are the big ones.
    own, product = np.divmod(np.argsort(owner, kind="stable").astype(np.int32), np.int32(max(1, weight.size)))
    other = np.empty((owner.size, degree - 1), dtype=np.int32)
    for k in range(degree - 1):
        other[:, k] = members[product, (own + np.int32(1 + k)) % np.int32(degree)]
    return Rows(_starts(n, owner), other, repeated_bits(weight, dtype)[product])


def chains_of(n: int, blocks: dict[int, Block], dtype: np.dtype[Any]) -> Chains:
    """Return products of several degrees by variable."""
    parts = [_by_member(block) for block in blocks.values()]
    owner = np.concatenate([np.zeros(0, np.int32), *(part[0] for part in parts)])
    order = np.argsort(owner, kind="stable")
    whole = _joined([part[1] for part in parts], [part[2] for part in parts], order)
    return Chains(_starts(n, owner), whole.first, whole.member, repeated_bits(whole.weight, dtype))


def whole_of(blocks: dict[int, Block]) -> Whole:
    """Return every product once."""
    lengths = [np.full(len(members), degree) for degree, (members, _) in blocks.items()]
    first = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
    member = np.concatenate([np.zeros(0, np.int32), *(members.ravel() for members, _ in blocks.values())])
    return Whole(first, member, np.concatenate([np.zeros(0), *(weight for _, weight in blocks.values())]))


def _by_member(block: Block) -> _Members:
    # Owner, other members and weight: one row for each member of each product.
    members, weight = block
    degree = members.shape[1]
    other = np.concatenate([np.delete(members, k, axis=1) for k in range(degree)])
    return members.ravel(order="F"), other, np.tile(weight, degree)


def _starts(n: int, owner: NDArray[np.integer[Any]]) -> Int64s:
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=n), out=start[1:])
    return start


def _joined(members: list[Int32s], weights: list[Float64s], order: Int64s) -> Whole:
    length = np.concatenate([np.zeros(0, np.int64), *(np.full(len(m), m.shape[1]) for m in members)])
    flat = np.concatenate([np.zeros(0, np.int32), *(m.ravel() for m in members)])
    source = np.cumsum(length) - length
    first = np.zeros(order.size + 1, dtype=np.int64)
    np.cumsum(length[order], out=first[1:])
    # Element e of row r comes from source[order[r]] + (e - first[r]).
    index = np.arange(first[-1]) + np.repeat(source[order] - first[:-1], length[order])
    return Whole(first, flat[index], np.concatenate([np.zeros(0), *weights])[order])
