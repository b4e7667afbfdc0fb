import math

import pytest

from kyanite.plots.readings import convergence_of, costs_of

POINTS = [[0.1, 3, 5.0], [0.2, 9, -1.5]]


def test_convergence_is_read_with_the_length_of_the_search():
    found = convergence_of({"convergence": POINTS, "sweeps": 100, "search_s": 2.5, "other": "x"})
    assert found is not None
    assert found.points == [(0.1, 3.0, 5.0), (0.2, 9.0, -1.5)]
    assert (found.search_s, found.sweeps) == (2.5, 100.0)


@pytest.mark.parametrize("given", [None, "soon", 7, [], {}, [[1, 2]], [None], ["abc"], [[True, 1, 1.0]]])
def test_something_else_under_its_name_is_no_convergence(given):
    assert convergence_of({"convergence": given}) is None


def test_what_can_not_be_drawn_is_left_out():
    found = convergence_of(
        {"convergence": [[0.1, 3, None], *POINTS, [1, 1, math.nan], [1, 1, 1e308]], "sweeps": "many", "search_s": True}
    )
    assert found is not None
    assert len(found.points) == 2
    assert (found.search_s, found.sweeps) == (None, None)


def test_costs_are_those_of_the_solutions_in_order():
    results = {
        "solutions": [{"cost": 3}, {"cost": -1.5}, {"cost": None}, {"configuration": {}}, "x", {"cost": math.inf}]
    }
    assert costs_of(results) == [-1.5, 3.0]


@pytest.mark.parametrize("results", [None, "text", b"bytes", [1, 2], {}, {"solutions": None}, {"solutions": "abc"}])
def test_other_results_have_no_costs(results):
    assert costs_of(results) == []
