"""The twin is Python's own conversion, which is correctly rounded."""

import struct
from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite_kernels.text.decimal import EXPONENT_MAX, EXPONENT_MIN, nearest_double, scan_double


@numba.njit(cache=True)
def scanned(text):
    return scan_double(text, 0)


@numba.njit(cache=True)
def nearest(digits, exponent):
    return nearest_double(digits, exponent)


def scan(text):
    return scanned(np.frombuffer(bytearray(text.encode() + b"\0"), dtype=np.uint8))


def bits(value):
    return struct.pack("<d", value)


def assert_exact(text, *, surely=False):
    end, read, value = scan(text)
    assert read or not surely
    if read:
        assert end == len(text)
        assert bits(value) == bits(float(text))


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_shortest_spelling_is_read_exactly(value):
    assert_exact(repr(value), surely=1e-280 < abs(value) < 1e300 or value == 0)


@given(digits=st.integers(0, 10**19 - 1), exponent=st.integers(EXPONENT_MIN, EXPONENT_MAX))
def test_nearest_double_is_that_of_the_fraction(digits, exponent):
    exact = Fraction(digits) * Fraction(10) ** exponent
    assert nearest(np.uint64(digits), exponent) == exact.numerator / exact.denominator


@given(significand=st.integers(2**52, 2**53 - 1), exponent=st.integers(-4, 10))
def test_half_way_between_two_doubles_is_even(significand, exponent):
    twice = 2 * significand + 1
    text = f"{twice * 5**-exponent}e{exponent}" if exponent < 0 else str(twice << exponent)
    assert_exact(text, surely=len(text.partition("e")[0]) <= 19)
    assert_exact(text + "0" if exponent >= 0 else "-" + text)


@given(
    whole=st.integers(0, 10**40),
    fraction=st.text("0123456789", max_size=40),
    exponent=st.none() | st.integers(-400, 400),
    sign=st.sampled_from(["", "-"]),
    letter=st.sampled_from(["e", "E", "e+", "e-"]),
)
def test_any_spelling_is_read_exactly_or_not_at_all(whole, fraction, exponent, sign, letter):
    end = (
        "" if exponent is None else letter[:1] + (str(exponent) if len(letter) == 1 else letter[1] + str(abs(exponent)))
    )
    assert_exact(f"{sign}{whole}{'.' if fraction else ''}{fraction}{end}")


@pytest.mark.parametrize(
    "text", ["0", "-0", "-0.0", "0e999", "0.000", "1e5", "1E+5", "1e22", "1e23", "9007199254740993"]
)
def test_usual_spellings_are_read(text):
    assert_exact(text, surely=True)


@pytest.mark.parametrize("text", ["", "-", "01", "00", "-01", "1.", ".5", "+1", "1e", "1e+", "1.e5", "1e999", "1e-999"])
def test_what_json_or_a_double_does_not_allow_is_not_read(text):
    assert not scan(text)[1]
