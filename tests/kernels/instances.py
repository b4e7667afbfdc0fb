"""Readers for the public instances, which lie outside the repository, and where to find them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from kyanite_kernels.ising.terms import Kind, Terms

Products = Sequence[tuple[float, tuple[int, ...]]]
Groups = Sequence[tuple[float, float, Sequence[tuple[float, int]]]]

_VARIABLE = "TESTS_INSTANCES"


def folder() -> Path | None:
    """Return the folder of instances: from the environment, else beside the repository; None if there is none."""
    if given := os.environ.get(_VARIABLE):
        return Path(given)
    sibling = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return sibling if sibling.is_dir() else None


def terms_of(kind: Kind, n: int, products: Products, groups: Groups = ()) -> Terms:
    """Build terms from (c, variables) pairs and groups (c, a_0, [(a_i, variable)])."""
    return Terms(
        kind,
        n,
        np.array([c for c, _ in products], dtype=np.float64),
        np.cumsum([0, *(len(v) for _, v in products)]),
        np.array([i for _, v in products for i in v], dtype=np.int32),
        np.array([c for c, _, _ in groups], dtype=np.float64),
        np.array([a0 for _, a0, _ in groups], dtype=np.float64),
        np.cumsum([0, *(len(m) for _, _, m in groups)]),
        np.array([i for _, _, m in groups for _, i in m], dtype=np.int32),
        np.array([a for _, _, m in groups for a, _ in m], dtype=np.float64),
    )


def quadratic_terms(kind: Kind, n: int, edges: np.ndarray, weights: np.ndarray, constant: float) -> Terms:
    """Build terms from edges, int[m, 2] (i = j is linear), and a constant."""
    linear = edges[:, 0] == edges[:, 1]
    start = np.concatenate([[0], np.cumsum(np.where(linear, 1, 2)), [0]])
    start[-1] = start[-2]
    kept = np.column_stack([np.ones(len(edges), dtype=bool), ~linear])
    return Terms(kind, n, np.append(weights, constant), start, edges[kept])


def _table(path: Path) -> tuple[int, np.ndarray, np.ndarray]:
    n, _, *numbers = path.read_text().split()
    rows = np.array(numbers, dtype=np.float64).reshape(-1, 3)
    return int(n), rows[:, :2].astype(np.int32) - 1, rows[:, 2]


def max_cut(path: Path) -> Terms:
    """Read `n m` and `i j w` lines as Ising terms whose cost is minus the cut."""
    n, edges, weights = _table(path)
    return quadratic_terms("ising", n, edges, weights / 2, -weights.sum() / 2)


def qubo(path: Path) -> Terms:
    """Read `n m` and `i j q` lines of a symmetric matrix's upper triangle as pubo terms."""
    n, entries, values = _table(path)
    return quadratic_terms("pubo", n, entries, np.where(entries[:, 0] == entries[:, 1], values, 2 * values), 0.0)


def qio(path: Path) -> Terms:
    """Read a QIO problem with dense ids."""
    cost = json.loads(path.read_text())["cost_function"]
    products = [(term["c"], tuple(term["ids"])) for term in cost["terms"]]
    n = 1 + max(i for _, ids in products for i in ids)
    return terms_of(cost["type"], n, products)


def max_sat(path: Path) -> Terms:
    """Read DIMACS CNF as pubo terms counting violated clauses: product of x where negated, 1 - x where not."""
    lines = [line for line in path.read_text().split("%")[0].splitlines() if line[:1] not in {"c", "p", ""}]
    literals = [int(word) for line in lines for word in line.split()]
    clauses, clause = [], []
    for literal in literals:
        if literal:
            clause.append(literal)
        else:
            clauses.append(clause)
            clause = []
    products = [product for clause in clauses for product in _expanded(clause)]
    return terms_of("pubo", max(map(abs, literals)), products)


def _expanded(clause: list[int]) -> list[tuple[float, tuple[int, ...]]]:
    negated = tuple(-literal - 1 for literal in clause if literal < 0)
    plain = tuple(literal - 1 for literal in clause if literal > 0)
    subsets = [subset for k in range(len(plain) + 1) for subset in combinations(plain, k)]
    return [((-1.0) ** len(subset), negated + subset) for subset in subsets]
