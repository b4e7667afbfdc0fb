"""Naive, obviously right twins of what the kernels do, and random problems to compare them on."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tests.kernels.instances import terms_of

if TYPE_CHECKING:
    from kyanite_kernels.ising.terms import Kind, Terms


def cost(terms: Terms, state: np.ndarray) -> float:
    """The cost of one configuration, term by term, in exactly rounded sums."""
    parts = [
        c * math.prod(int(state[i]) for i in terms.variable[terms.start[t] : terms.start[t + 1]])
        for t, c in enumerate(terms.coefficient.tolist())
    ]
    for g, scale in enumerate(terms.group_scale.tolist()):
        members = range(terms.group_start[g], terms.group_start[g + 1])
        inner = [float(terms.group_weight[k]) * int(state[terms.group_variable[k]]) for k in members]
        parts.append(scale * math.fsum([*inner, float(terms.group_offset[g])]) ** 2)
    return math.fsum(parts)


def values(kind: Kind) -> tuple[int, int]:
    """The two values of a variable, low first."""
    return (-1, 1) if kind == "ising" else (0, 1)


def flipped(terms: Terms, state: np.ndarray, i: int) -> np.ndarray:
    other = state.copy()
    other[i] = sum(values(terms.kind)) - state[i]
    return other


def fall(terms: Terms, state: np.ndarray, i: int) -> float:
    """By how much the cost falls if variable i flips."""
    return cost(terms, state) - cost(terms, flipped(terms, state, i))


def sweep(terms: Terms, state: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """One Metropolis sweep in order: flip wherever the fall reaches the threshold T ln(u)."""
    for i in range(terms.n):
        if fall(terms, state, i) >= thresholds[i]:
            state = flipped(terms, state, i)
    return state


def configurations(terms: Terms) -> np.ndarray:
    return np.array(list(product(values(terms.kind), repeat=terms.n)), dtype=np.int8).reshape(-1, terms.n)


def optimum(terms: Terms) -> float:
    return min(cost(terms, state) for state in configurations(terms))


def random_terms(kind: Kind, n: int, degree: int, groups: int, seed: int) -> Terms:
    """Terms of every degree up to `degree` (constants too, and repeated ones), integer coefficients, and groups."""
    rng = np.random.default_rng(seed)
    products = []
    for k in range(degree + 1):
        for _ in range(2 * n if k else 2):
            members = rng.choice(n, size=min(k, n), replace=False)
            products.append((float(rng.integers(-5, 6)), tuple(members.tolist())))
    squares = []
    for _ in range(groups):
        members = rng.choice(n, size=int(rng.integers(0, n + 1)), replace=False)
        weights = rng.integers(-3, 4, members.size).astype(float)
        squares.append((float(rng.integers(-2, 4)), 1.5, list(zip(weights.tolist(), members.tolist(), strict=True))))
    return terms_of(kind, n, products, squares)


def glass(n: int) -> Terms:
    """A spin glass on a random graph: no early agreement, so that only flag and clock end a long run."""
    rng = np.random.default_rng(0)
    pairs = [tuple(sorted(rng.choice(n, 2, replace=False).tolist())) for _ in range(3 * n)]
    return terms_of("ising", n, list(zip(rng.standard_normal(3 * n).tolist(), pairs, strict=True)))
