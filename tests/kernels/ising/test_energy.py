from __future__ import annotations

import time

import numpy as np
import pytest

from kyanite_kernels.ising import Terms, energy
from kyanite_kernels.ising.terms import Kind
from tests.kernels import twins
from tests.kernels.instances import quadratic_terms, terms_of


@pytest.mark.parametrize("kind", ["ising", "pubo"])
@pytest.mark.parametrize(("degree", "groups"), [(1, 0), (2, 0), (5, 0), (3, 4)])
def test_energies_equal_the_twin(kind: Kind, degree: int, groups: int):
    terms = twins.random_terms(kind, 6, degree, groups, seed=degree)
    states = twins.configurations(terms)
    assert energy(terms, states).tolist() == [twins.cost(terms, state) for state in states]


def test_the_value_does_not_depend_on_the_order_of_the_terms():
    rng = np.random.default_rng(1)
    coefficients = rng.standard_normal(2000) * 10.0 ** rng.integers(-12, 12, 2000)
    states = np.ones((1, 1), dtype=np.int8)
    products = [(float(c), (0,)) for c in coefficients]
    costs = {
        float(energy(terms_of("ising", 1, [products[i] for i in rng.permutation(2000)]), states)[0]) for _ in range(20)
    }
    assert costs == {twins.cost(terms_of("ising", 1, products), states[0])}


def test_large_values_that_cancel_leave_the_small_one():
    terms = terms_of("ising", 1, [(1e300, ()), (1.0, (0,)), (-1e300, ())])
    assert energy(terms, np.array([[1], [-1]], dtype=np.int8)).tolist() == [1.0, -1.0]


def test_no_variables_leaves_the_constants():
    assert energy(terms_of("pubo", 0, [(2.5, ()), (1.0, ())], [(2.0, 3.0, [])]), np.zeros((1, 0), np.int8)) == [21.5]
    assert energy(Terms("ising", 3), np.ones((2, 3), np.int8)).tolist() == [0.0, 0.0]


def test_states_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\[R, 3\]"):
        energy(Terms("ising", 3), np.ones((2, 4), np.int8))


def test_a_million_terms_take_well_under_a_second():
    rng = np.random.default_rng(2)
    i = rng.integers(0, 999, 1_000_000)
    edges = np.column_stack([i, i + 1])
    terms = quadratic_terms("ising", 1000, edges, rng.standard_normal(1_000_000), 0.0)
    states = rng.choice(np.array([-1, 1], np.int8), (4, 1000))
    began_s = time.perf_counter()
    costs = energy(terms, states)
    assert time.perf_counter() - began_s < 0.8
    assert costs[0] == pytest.approx((terms.coefficient[:-1] * states[0, i] * states[0, i + 1]).sum(), rel=1e-9)
