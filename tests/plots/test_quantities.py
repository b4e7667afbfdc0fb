import pytest

from kyanite.plots.quantities import duration, number, time_unit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (1e-6, "0.001 ms"),
        (0.0123, "12.3 ms"),
        (0.9999, "1 s"),
        (1.2345, "1.23 s"),
        (59.96, "60 s"),
        (125, "2 min 5 s"),
        (119.6, "2 min"),
        (3599.7, "1 h"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (86_399, "1 d"),
        (1e9, "11,574 d 2 h"),
    ],
)
def test_durations_are_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("span_s", "unit"),
    [(0.0, "milliseconds"), (0.4, "milliseconds"), (1.0, "seconds"), (600, "minutes"), (1e4, "hours"), (1e6, "days")],
)
def test_the_unit_of_an_axis_follows_its_length(span_s, unit):
    assert time_unit(span_s)[1] == unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-17.0, "\N{MINUS SIGN}17"),
        (-1234567890123.0, "\N{MINUS SIGN}1234567890123"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"),
        (-2.2e-9, "\N{MINUS SIGN}2.2e\N{MINUS SIGN}09"),
    ],
)
def test_numbers_are_short_and_whole_ones_in_full(value, text):
    assert number(value) == text
