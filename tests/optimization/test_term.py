import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.optimization import SlcTerm, Term, TermBase
from tests.optimization.examples import IDS, MONOMIALS, NUMBERS, groups


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.array([1.5, 2.5]), 1.5),
        (np.array(2.5), 2.5),
        (np.array([[4]]), 4),
    ],
)
def test_numpy_coefficients_become_numbers(given, kept):
    term = Term(c=given, indices=[0])
    assert term.c == kept
    assert type(term.c) is type(kept)


@pytest.mark.parametrize("value", [np.bool_(1), np.longdouble(1), np.complex128(1), "1", True, None, 1j])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(RuntimeError, match="c "):
        Term(c=value, indices=[0])
    if value is not None:
        with pytest.raises(RuntimeError, match="w must be"):
            Term(w=value, indices=[0])


def test_indices_may_be_an_array_or_left_out():
    assert Term(c=1, indices=np.array([2, 0])).ids == [2, 0]
    assert Term(c=1).ids == []
    assert Term(c=1, indices=(2, 0)).to_dict() == {"c": 1, "ids": (2, 0)}


def test_the_indices_given_are_kept_and_not_copied():
    ids = [0]
    term = Term(c=1, indices=ids)
    ids.append(1)
    assert term.evaluate({0: 2, 1: 3}) == 6


def test_terms_are_compared_by_what_they_say():
    assert Term([0], c=1) == Term([0], c=1.0)
    assert Term([0], c=1) != Term([1], c=1)
    assert Term([0], c=1) != TermBase(1)
    assert SlcTerm([Term([0], c=1)]) == SlcTerm([Term([0], c=1)], 1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Term([0], c=1))


def test_terms_show_themselves():
    assert repr(Term([1, 0], c=-3)) == "{'c': -3, 'ids': [1, 0]}"
    assert repr(SlcTerm([Term([1], c=2)])) == "{'c': 1.0, 'terms': [{'c': 2, 'ids': [1]}]}"
    assert repr(TermBase(2)) == "{'c': 2}"


def test_terms_can_be_copied():
    group = SlcTerm([Term([1], c=2)], 3)
    other = copy.deepcopy(group)
    other.terms[0].ids.append(2)
    assert group == SlcTerm([Term([1], c=2)], 3)


def test_a_missing_value_names_variable_and_term():
    with pytest.raises(KeyError, match=r"variable 7 of the term \{'c': 2, 'ids': \[1, 7\]\}"):
        Term([1, 7], c=2).evaluate({1: 1})


def test_integers_are_never_cut():
    """The retired SDK multiplies in 64 bits."""
    assert Term([0, 0, 0], c=1).evaluate({0: 2**31}) == 2**93


def test_constants_and_bases_stand_for_themselves():
    assert type(Term([], c=2).evaluate({})) is float
    assert TermBase(3).evaluate({0: 1}) == 3
    assert TermBase(3).reduce_by_variable_state({0: 1}) == TermBase(3)
    assert TermBase(0).reduce_by_variable_state({0: 1}) is None
    assert TermBase.from_dict({"c": 4}) == TermBase(4)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ([([0, 1], 2)], r"linear terms, not \{'c': 2, 'ids': \[0, 1\]\}"),
        ([([3], 1), ([3], 2)], "two terms of variable 3"),
        ([([], 1), ([], 2)], "two constants"),
    ],
)
def test_a_group_says_what_it_can_not_take(inner, message):
    with pytest.raises(ValueError, match=message):
        SlcTerm([Term(ids, c=c) for ids, c in inner])


def test_variables_and_the_constant_are_never_taken_for_each_other():
    """The retired SDK calls the constant variable -1."""
    assert len(SlcTerm([Term([-1], c=1), Term([], c=1)]).terms) == 2


def test_a_group_is_read_from_what_it_writes():
    group = SlcTerm([Term([1], c=2), Term([], c=3)], 4)
    assert SlcTerm.from_dict(group.to_dict()) == group
    with pytest.raises(KeyError, match="terms"):
        SlcTerm.from_dict({"c": 1})


@given(MONOMIALS, st.lists(NUMBERS, min_size=6, max_size=6))
def test_a_term_is_worth_its_product(term, values):
    expected = term.c * math.prod(values[variable] for variable in term.ids)
    assert term.evaluate(dict(enumerate(values))) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(groups(), st.lists(NUMBERS, min_size=6, max_size=6))
def test_a_group_is_worth_its_squared_sum(group, values):
    inner = sum(term.c * math.prod(values[variable] for variable in term.ids) for term in group.terms)
    assert group.evaluate(dict(enumerate(values))) == pytest.approx(group.c * inner**2, rel=1e-9, abs=1e-9)


@given(MONOMIALS | groups(), st.lists(NUMBERS, min_size=6, max_size=6), st.sets(IDS))
def test_what_is_left_of_a_term_is_worth_the_same(term, values, chosen):
    values = dict(enumerate(values))
    left = term.reduce_by_variable_state({variable: values[variable] for variable in chosen})
    rest = {variable: value for variable, value in values.items() if variable not in chosen}
    expected = pytest.approx(term.evaluate(values), rel=1e-9, abs=1e-9)
    assert (0 if left is None else left.evaluate(rest)) == expected
