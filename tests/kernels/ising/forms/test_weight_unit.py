from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite_kernels.ising.forms.weight_unit import weight_unit


@given(
    multiples=st.lists(st.integers(-1000, 1000), min_size=1, max_size=30),
    unit=st.floats(1e-200, 1e200),
)
def test_any_multiples_of_any_unit_are_found_out(multiples: list[int], unit: float):
    values = np.array(multiples, dtype=float) * unit
    found = weight_unit(values, float(np.abs(values).sum()), 65535)
    divisor = int(np.gcd.reduce(multiples))
    assert found == pytest.approx(divisor * unit if divisor else 1.0, rel=1e-12)


def test_integers_have_an_exact_unit():
    values = np.array([1.0, -2.0, 7.0, 0.0])
    assert weight_unit(values, 127.0, 255) == 1.0
    assert weight_unit(values / 4, 30.0, 255) == 0.25
    assert weight_unit(values * 3, 127.0, 255) == 3.0


def test_the_largest_sum_must_fit():
    values = np.array([1.0, 2.0])
    assert weight_unit(values, 255.0, 255) == 1.0
    assert weight_unit(values, 256.0, 255) is None


def test_real_weights_have_no_unit():
    values = np.random.default_rng(1).standard_normal(50)
    assert weight_unit(values, 40.0, 65535) is None
    assert weight_unit(np.array([1.0, 1.00001]), 3.0, 65535) is None
