"""Small problems as plain lists of (weight, variables), and their best cost by looking at every configuration."""

from itertools import product
from math import prod

# A ring with chords, fields and a constant; and a cubic one.
SPINS = [
    *((1.0 + (one % 3), [one, (one + 1) % 8]) for one in range(8)),
    *((-1.5, [one, one + 4]) for one in range(4)),
    (0.5, [0]),
    (-2.0, [5]),
    (3.0, []),
]
BITS = [
    *((2.0 - one, [one, (one + 3) % 7]) for one in range(7)),
    (-4.0, [0, 1, 2]),
    (3.0, [2, 4, 6]),
    (-1.0, [3]),
    (1.5, [5]),
    (-2.5, []),
]
# The square of a sum, beside plain terms: weight, then (weight, variable), where None stands for a constant.
SQUARE = (2.0, [(1.0, 0), (-2.0, 1), (3.0, 2), (-1.0, None)])

# Simulated annealing with these ends when it is cancelled.
ENDLESS = {"sweeps": 900_000_000, "restarts": 1000}

VALUES = {"ising": (-1, 1), "pubo": (0, 1)}


def cost(terms, values):
    """Return the cost of a configuration, which is indexed by variable."""
    return sum(weight * prod(values[variable] for variable in variables) for weight, variables in terms)


def squared(square, values):
    """Return what a squared sum costs."""
    weight, parts = square
    return weight * sum(part * (1 if variable is None else values[variable]) for part, variable in parts) ** 2


def best_cost(kind, terms, square=None):
    """Return the lowest cost of all configurations."""
    size = 1 + max(variable for _, variables in terms for variable in variables)
    return min(
        cost(terms, values) + (0 if square is None else squared(square, values))
        for values in product(VALUES[kind], repeat=size)
    )


def fields(size):
    """Return spins that have nothing to do with each other: the best cost is -size, and every search finds it."""
    return [(-1.0, [one]) for one in range(size)]


def document(kind, terms, name="a problem"):
    """Return the document of `microsoft.qio.v2`."""
    listed = [{"c": weight, "ids": variables} for weight, variables in terms]
    return {"metadata": {"name": name}, "cost_function": {"version": "1.0", "type": kind, "terms": listed}}
