import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.cli.sparkline import ASCII_BARS, BARS, sparkline


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 8, ""),
        ([1, 2], 0, ""),
        ([math.nan, math.inf], 8, ""),
        ([5], 8, "▁"),
        ([5, 5, 5], 8, "▁▁▁"),
        ([7, 6, 5, 4, 3, 2, 1, 0], 8, "█▇▆▅▄▃▂▁"),
        ([7, math.inf, 0], 8, "█▁"),
        ([7, 7, 0, 7, 7, 0], 3, "█▁▁"),
        ([-1e308, 1e308], 8, "▁█"),
        ([5e-324, 0.0], 8, "▁▁"),
    ],
)
def test_bars_stand_for_values(values, width, drawn):
    assert sparkline(values, width) == drawn


def test_bars_can_be_others():
    assert sparkline([0, 7], 8, ASCII_BARS) == "_#"


@given(st.lists(st.floats()), st.integers(0, 30))
def test_any_values_fit(values, width):
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, sum(map(math.isfinite, values)))
    assert set(drawn) <= set(BARS)
    assert not drawn or BARS[0] in drawn
