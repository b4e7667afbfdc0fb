import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite_providers.local import results
from kyanite_providers.local.results import Solutions, results_json


def written(ids, states, costs, parameters=None):
    solutions = Solutions(np.array(states, dtype=np.int8), np.array(costs, dtype=np.float64))
    return b"".join(results_json(np.array(ids, dtype=np.int64), solutions, parameters or {}))


def test_document_is_the_documented_one():
    assert written([0, 1, 20], [[1, -1, 1], [-1, -1, -1]], [-17, 3], {"sweeps": 2, "all_betas": [0.5]}) == (
        b'{"version":"1.0","configuration":{"0":1,"1":-1,"20":1},"cost":-17.0,'
        b'"parameters":{"sweeps":2,"all_betas":[0.5]},"solutions":['
        b'{"configuration":{"0":1,"1":-1,"20":1},"cost":-17.0},'
        b'{"configuration":{"0":-1,"1":-1,"20":-1},"cost":3.0}]}'
    )


def test_problem_without_variables_has_an_empty_configuration():
    assert json.loads(written([], np.zeros((1, 0)), [2.5])) == {
        "version": "1.0",
        "configuration": {},
        "cost": 2.5,
        "parameters": {},
        "solutions": [{"configuration": {}, "cost": 2.5}],
    }


@given(ids=st.sets(st.integers(0, 2**63 - 1) | st.integers(0, 1100), min_size=1, max_size=40), draw=st.data())
def test_every_variable_is_written_once_in_numeric_order(ids, draw):
    ordered = sorted(ids)
    values = st.lists(st.sampled_from([-1, 0, 1]), min_size=len(ids), max_size=len(ids))
    states = draw.draw(st.lists(values, min_size=1, max_size=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "_ROWS", 7)
        document = json.loads(written(ordered, states, range(len(states))))
    for solution, state in zip(document["solutions"], states, strict=True):
        assert list(solution["configuration"].items()) == [(str(i), v) for i, v in zip(ordered, state, strict=True)]
    assert document["configuration"] == document["solutions"][0]["configuration"]
