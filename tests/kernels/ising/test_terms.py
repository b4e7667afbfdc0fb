from __future__ import annotations

import numpy as np
import pytest

from kyanite_kernels.ising import Terms
from tests.kernels.instances import terms_of


def test_arrays_arrive_in_the_one_layout_kernels_know():
    frozen = np.frombuffer(np.array([1.0, 2.0]).tobytes())
    terms = Terms("ising", 2, frozen, np.arange(3, dtype=np.int64), np.arange(4, dtype=np.int32)[::2] // 2)
    assert terms.coefficient.flags.writeable
    assert terms.variable.flags.c_contiguous


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "qubo"}, "kind"),
        ({"n": -1}, "n is"),
        ({"start": [0, 1]}, "start"),
        ({"start": [0, 3, 2]}, "start"),
        ({"variable": [0, 2]}, "variable"),
        ({"variable": [0, -1]}, "variable"),
        ({"start": [0, 2, 2], "variable": [1, 1]}, "repeats"),
        ({"coefficient": [1.0, np.nan]}, "finite"),
        ({"coefficient": [1.0, np.inf]}, "finite"),
        ({"coefficient": [1e308, 1e308]}, "overflows"),
        ({"group_scale": [1.0]}, "group_start"),
        ({"group_scale": [1.0], "group_start": [0, 0]}, "group_offset"),
        ({"group_scale": [1.0], "group_start": [0, 0], "group_offset": [1e200]}, "overflows"),
    ],
)
def test_a_wrong_array_is_named(change: dict, word: str):
    right = {"kind": "ising", "n": 2, "coefficient": [1.0, 2.0], "start": [0, 1, 2], "variable": [0, 1]}
    with pytest.raises(ValueError, match=word):
        Terms(**{**right, **change})


def test_the_degree_is_that_of_the_longest_term():
    assert terms_of("ising", 4, [(1.0, ()), (2.0, (0, 1, 3)), (1.0, (2,))]).degree == 3
    assert Terms("pubo", 4).degree == 0
