import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ProviderError
from kyanite_providers.local.problem import problem_of
from kyanite_providers.local.qio import read_qio
from tests.providers.local.faketask import ising


def read(problem):
    return problem_of(read_qio(json.dumps(problem).encode()), 0)


def cost_on_paper(problem, values):
    """The objective as the wire has it, one term at a time."""
    function = problem["cost_function"]
    product = lambda term: term["c"] * np.prod([values[i] for i in term["ids"]], initial=1.0)
    groups = function.get("terms_slc", [])
    linear = sum(product(term) for term in function["terms"])
    return linear + sum(group["c"] * sum(map(product, group["terms"])) ** 2 for group in groups)


def cost_of_arrays(problem, values):
    state = np.array([values[i] for i in problem.ids.tolist()], dtype=float)
    cost = 0.0
    for t, c in enumerate(problem.coefficient):
        cost += c * state[problem.variable[problem.start[t] : problem.start[t + 1]]].prod()
    for g, scale in enumerate(problem.group_scale):
        part = slice(problem.group_start[g], problem.group_start[g + 1])
        linear = problem.group_offset[g] + (problem.group_weight[part] * state[problem.group_variable[part]]).sum()
        cost += scale * linear**2
    return cost


IDS = st.sampled_from([0, 1, 2, 5, 40, 10**6, 2**63 - 1])
COEFFICIENTS = st.integers(-8, 8).map(lambda c: c / 4)
TERMS = st.fixed_dictionaries({"c": COEFFICIENTS, "ids": st.lists(IDS, max_size=5)})
LINEAR = st.fixed_dictionaries({"c": COEFFICIENTS, "ids": st.lists(IDS, max_size=1)})
GROUPS = st.fixed_dictionaries({"c": COEFFICIENTS, "terms": st.lists(LINEAR, max_size=5)})


@given(
    kind=st.sampled_from(["ising", "pubo"]),
    terms=st.lists(TERMS, min_size=1, max_size=6),
    groups=st.lists(GROUPS, max_size=3),
    bits=st.integers(0, 2**7 - 1),
)
def test_arrays_cost_what_the_wire_says(kind, terms, groups, bits):
    sent = {"cost_function": {"version": "1.0", "type": f"{kind}_grouped", "terms": terms, "terms_slc": groups}}
    problem = read(sent)
    low = -1 if kind == "ising" else 0
    values = {i: 1 if bits >> k & 1 else low for k, i in enumerate([0, 1, 2, 5, 40, 10**6, 2**63 - 1])}
    assert cost_of_arrays(problem, values) == cost_on_paper(sent, values)
    for t in range(len(terms)):
        part = problem.variable[problem.start[t] : problem.start[t + 1]].tolist()
        assert len(set(part)) == len(part)


def test_repeated_ids_are_simplified_by_the_type_of_the_variable():
    terms = ((1, 3, 3), (2, 3, 3, 3), (4, 7, 3, 7))
    spins, bits = read(ising(*terms)), read(ising(*terms, kind="pubo"))
    assert spins.ids.tolist() == bits.ids.tolist() == [3, 7]
    assert spins.start.tolist() == [0, 0, 1, 2]
    assert spins.variable.tolist() == [0, 0]
    assert bits.start.tolist() == [0, 1, 2, 4]
    assert sorted(bits.variable[2:].tolist()) == [0, 1]


def test_ids_keep_their_numeric_order():
    problem = read(ising((1, 100), (1, 9), (1, 2**63 - 1, 20)))
    assert problem.ids.tolist() == [9, 20, 100, 2**63 - 1]
    assert problem.variable.tolist() == [2, 0, 3, 1]
    assert problem.variable.dtype == np.int32


def test_constants_alone_are_a_problem():
    problem = read(ising((4,), (-1.5,)))
    assert problem.ids.size == 0
    assert problem.coefficient.tolist() == [4, -1.5]


def test_initial_configuration_may_leave_variables_out():
    problem = read(ising((1, 5, 9), (1, 30), initial_configuration={"9": -1, "5": 1}))
    assert dict(zip(problem.initial_variable.tolist(), problem.initial_value.tolist(), strict=True)) == {0: 1, 1: -1}


@pytest.mark.parametrize(
    ("problem", "azq", "field"),
    [
        (
            ising((1, 0), initial_configuration={"4": 1}),
            "AZQ104: ",
            "cost_function.initial_configuration.4",
        ),
        (
            ising(
                kind="pubo_grouped",
                terms_slc=[
                    {"c": 1, "terms": []},
                    {"c": 1, "terms": [{"c": 1, "ids": [3]}, {"c": 1, "ids": [3, 4]}]},
                ],
            ),
            "AZQ103: ",
            "cost_function.terms_slc[1].terms[1].ids",
        ),
        (ising((1e308, 0), (1e308, 1)), "AZQ103: ", "cost_function"),
        (
            ising(kind="ising_grouped", terms_slc=[{"c": 1e300, "terms": [{"c": 1e10, "ids": [0]}]}]),
            "AZQ103: ",
            "cost_function",
        ),
    ],
)
def test_fault_is_refused_by_name(problem, azq, field):
    with pytest.raises(ProviderError) as caught:
        read(problem)
    assert caught.value.error.message.startswith(azq)
    assert caught.value.error.target == field
