"""What the solvers are measured on: public files where there are any, and generated problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from kyanite.problems import max_cut, max_sat3, sherrington_kirkpatrick, xorsat3
from kyanite_kernels.ising.terms import Float64s, Terms
from tests.kernels import instances

READERS: Final[dict[str, tuple[str, Callable[[Path], Terms], float]]] = {
    "gset": ("*.txt", instances.max_cut, -1.0),
    "bqp": ("*.sparse", instances.qubo, 1.0),
    "isingphys": ("*.txt", instances.max_cut, -1.0),
    "pubo": ("*.json", instances.qio, 1.0),
    "sat3": ("*.cnf", instances.max_sat, 1.0),
}
"""By subfolder: which files, how they are read, and the sign that makes a best-known value a cost."""

_PAIR: Final = 2


class Instance(NamedTuple):
    """A problem and what it is called; `best_known` is a cost, where one is on record."""

    name: str
    terms: Terms
    best_known: float | None = None


class Absent(NamedTuple):
    """A public file that is not here."""

    name: str


def public(*names: str) -> Iterator[Instance | Absent]:
    """Yield the public files of these names; without names, all there are."""
    folder = instances.folder()
    best = best_known(folder / "README.md") if folder else {}
    found = {
        path.stem: (path, reader, sign)
        for kind, (pattern, reader, sign) in READERS.items()
        if folder
        for path in sorted((folder / kind).glob(pattern))
    }
    for name in names or found:
        if name not in found:
            yield Absent(name)
            continue
        path, reader, sign = found[name]
        yield Instance(name, reader(path), sign * best[name] if name in best else None)


def best_known(listing: Path) -> dict[str, float]:
    """Read the best known values out of the table that comes with the files: `name | n | terms | kind | value | ...`.

    A row may hold several files, `a-1, -2` or `a-1 / -2`, with a value for all or one for each.
    """
    values: dict[str, float] = {}
    for line in listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        numbers = re.findall(r"-?\d+(?:\.\d+)?", cells[4]) if len(cells) > 5 else []
        names = list(_names(re.split(r"\s*[,/]\s*", cells[0])))
        if len(numbers) == 1:
            numbers *= len(names)
        if len(numbers) == len(names):
            values |= zip(names, map(float, numbers), strict=True)
    return values


def _names(written: Iterable[str]) -> Iterator[str]:
    stem = ""
    for name in written:
        if name.startswith("-"):
            yield stem + name
        else:
            stem = name.rpartition("-")[0]
            yield name


def chimera(side: int, seed: int) -> Instance:
    """Return a Chimera graph of `side` x `side` cells of 4 + 4 spins, with weights +1 and -1."""
    place = np.arange(side * side * 8).reshape(side, side, 2, 4)
    pairs = [(place[:, :, 0, a], place[:, :, 1, b]) for a in range(4) for b in range(4)]
    pairs += [(place[:-1, :, 0], place[1:, :, 0]), (place[:, :-1, 1], place[:, 1:, 1])]
    edges = np.concatenate([np.stack([i.ravel(), j.ravel()], axis=1) for i, j in pairs]).astype(np.int32)
    weights = np.random.default_rng(seed).choice([-1.0, 1.0], len(edges))
    return Instance(f"Chimera {side}x{side}", instances.quadratic_terms("ising", place.size, edges, weights, 0.0))


def regular(n: int, degree: int, seed: int) -> Instance:
    """Return a random regular graph with weights +1 and -1."""
    problem = max_cut(n, degree=degree, seed=seed, weights="plus_minus_one")
    return Instance(f"{degree}-regular, n={n}", _terms(n, problem))


def glass(n: int, seed: int) -> Instance:
    """Return a Sherrington-Kirkpatrick glass, all weights of one size."""
    return Instance(f"SK, n={n}", _terms(n, sherrington_kirkpatrick(n, seed=seed)))


def parity(n: int, seed: int) -> Instance:
    """Return a 3-XORSAT problem with n clauses."""
    return Instance(f"3-XORSAT, n={n}", _terms(n, xorsat3(n, seed=seed)))


def clauses(n: int, seed: int) -> Instance:
    """Return a random MAX-3-SAT problem where they are hardest, at 4.26 clauses a variable."""
    return Instance(f"MAX-3-SAT, n={n}", _terms(n, max_sat3(n, round(4.26 * n), seed=seed)))


def with_integers(graph: Instance, largest: int, seed: int) -> Instance:
    """Return the graph with weights 1 to `largest` of either sign."""
    random = np.random.default_rng(seed)
    drawn = random.integers(1, largest + 1, graph.terms.coefficient.size) * random.choice([-1.0, 1.0], _count(graph))
    return Instance(f"{graph.name}, |w| <= {largest}", _reweighted(graph.terms, drawn))


def with_normals(graph: Instance, seed: int) -> Instance:
    """Return the graph with normally distributed weights."""
    drawn = np.random.default_rng(seed).standard_normal(_count(graph))
    return Instance(f"{graph.name}, normal", _reweighted(graph.terms, drawn))


def _count(graph: Instance) -> int:
    return graph.terms.coefficient.size


def _reweighted(terms: Terms, drawn: Float64s) -> Terms:
    pairs = np.diff(terms.start) == _PAIR
    first = terms.start[:-1][pairs]
    edges = np.stack([terms.variable[first], terms.variable[first + 1]], axis=1)
    return instances.quadratic_terms(terms.kind, terms.n, edges, drawn[pairs], 0.0)


def _terms(n: int, problem: dict[str, Any]) -> Terms:
    function = problem["cost_function"]
    return instances.terms_of(function["type"], n, [(term["c"], term["ids"]) for term in function["terms"]])
