import hashlib
import itertools
import json

import pytest

from kyanite.problems import (
    SHIPPED,
    max_cut,
    max_sat3,
    number_partition,
    serialized,
    sherrington_kirkpatrick,
    xorsat3,
)


def terms(problem):
    return [(term["c"], tuple(term["ids"])) for term in problem["cost_function"]["terms"]]


def cost(problem, values):
    """The objective as the format defines it."""
    product = lambda term: term["c"] * multiplied(values[i] for i in term["ids"])
    function = problem["cost_function"]
    squares = sum(group["c"] * sum(map(product, group["terms"])) ** 2 for group in function.get("terms_slc", []))
    return sum(map(product, function["terms"])) + squares


def multiplied(factors):
    result = 1
    for factor in factors:
        result *= factor
    return result


def spins(n):
    return itertools.product((-1, 1), repeat=n)


@pytest.mark.parametrize("weights", ["unit", "plus_minus_one"])
def test_max_cut_costs_minus_the_cut(weights):
    problem = max_cut(8, edges=14, seed=3, weights=weights)
    edges = [(2 * c, ids) for c, ids in terms(problem) if ids]
    assert {weight for weight, _ in edges} == ({1} if weights == "unit" else {1, -1})
    for state in spins(8):
        assert cost(problem, state) == -sum(weight for weight, (i, j) in edges if state[i] != state[j])


@pytest.mark.parametrize(("n", "degree"), [(10, 3), (7, 4), (6, 5), (50, 6), (4, 0)])
def test_regular_graph_is_regular_and_simple(n, degree):
    edges = [ids for _, ids in terms(max_cut(n, degree=degree, seed=1)) if ids]
    assert len(set(edges)) == len(edges) == n * degree // 2
    assert all(i < j for i, j in edges)
    ends = [vertex for edge in edges for vertex in edge]
    assert all(ends.count(vertex) == degree for vertex in range(n))


@pytest.mark.parametrize(
    "given",
    [{}, {"degree": 2, "edges": 3}, {"degree": 5}, {"degree": 3, "n": 5}, {"edges": 11}, {"edges": -1}],
)
def test_graph_that_can_not_be_is_refused(given):
    with pytest.raises(ValueError, match=r"degree|sets"):
        max_cut(**({"n": 5} | given))


def test_number_partition_costs_the_squared_difference():
    problem = number_partition(6, bits=5, seed=2)
    (group,) = problem["cost_function"]["terms_slc"]
    numbers = [term["c"] for term in group["terms"]]
    assert problem["cost_function"]["type"] == "ising_grouped"
    assert all(1 <= number <= 2**5 for number in numbers)
    for state in spins(6):
        assert cost(problem, state) == sum(s * number for s, number in zip(state, numbers, strict=True)) ** 2


def test_sherrington_kirkpatrick_couples_every_pair():
    problem = sherrington_kirkpatrick(16, seed=1)
    assert [ids for _, ids in terms(problem)] == list(itertools.combinations(range(16), 2))
    assert {c for c, _ in terms(problem)} == {0.25, -0.25}


def test_xorsat3_can_be_satisfied_and_costs_the_difference():
    problem = xorsat3(9, clauses=12, seed=4)
    assert len(terms(problem)) == 12
    assert min(cost(problem, state) for state in spins(9)) == -12
    assert len(terms(xorsat3(20))) == 20


def test_max_sat3_costs_the_unsatisfied_clauses():
    one = max_sat3(3, 1, seed=0)
    costs = [cost(one, state) for state in itertools.product((0, 1), repeat=3)]
    assert sorted(costs) == [0] * 7 + [1]
    many = max_sat3(6, 40, seed=1)
    costs = [cost(many, state) for state in itertools.product((0, 1), repeat=6)]
    assert all(c == int(c) and 0 <= c <= 40 for c in costs)
    assert sum(costs) == 40 * 2**6 / 8
    assert len({ids for _, ids in terms(many)}) == len(terms(many))


def test_same_seed_is_the_same_problem_on_every_version():
    digests = {
        "max_cut": max_cut(30, degree=3, seed=7, weights="plus_minus_one"),
        "edges": max_cut(30, edges=50, seed=7),
        "partition": number_partition(10, seed=7),
        "sk": sherrington_kirkpatrick(12, seed=7),
        "xorsat": xorsat3(20, seed=7),
        "sat": max_sat3(20, 50, seed=7),
    }
    assert {name: digest(problem)[:8] for name, problem in digests.items()} == GOLDEN
    assert max_cut(30, edges=50, seed=8) != digests["edges"]


def test_shipped_problem_is_the_one_its_value_was_found_for():
    problem = SHIPPED.problem()
    assert digest(problem) == SHIPPED.sha256
    assert json.loads(serialized(problem)) == problem
    edges = [ids for _, ids in terms(problem) if ids]
    assert len(edges) == SHIPPED.n * SHIPPED.degree // 2
    assert {i for edge in edges for i in edge} == set(range(SHIPPED.n))
    positive = sum(1 for c, ids in terms(problem) if ids and c > 0)
    assert 0 < SHIPPED.best_known_cut < positive


def digest(problem):
    return hashlib.sha256(serialized(problem)).hexdigest()


GOLDEN = {
    "max_cut": "3afbae93",
    "edges": "e340e202",
    "partition": "8ffd0cb4",
    "sk": "5fa5d753",
    "xorsat": "ab1903ae",
    "sat": "cf1fa16f",
}
