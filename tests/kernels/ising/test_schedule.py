from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from kyanite_kernels.ising import schedule
from kyanite_kernels.ising.schedule import RangeSchedule

value_at = numba.njit(cache=True, error_model="numpy")(schedule.value_at.py_func)  # type: ignore[attr-defined]

SCHEDULES = [
    RangeSchedule("linear", 0.0, 5.0),
    RangeSchedule("linear", 1.0, 0.0),
    RangeSchedule("geometric", 10.0, 0.1),
    RangeSchedule("geometric", 1e-300, 1e300),
]


def test_linear_steps_are_equal():
    assert RangeSchedule("linear", 1.0, 0.0).values(5).tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_geometric_ratios_are_equal():
    assert RangeSchedule("geometric", 8.0, 1.0).values(4) == pytest.approx([8.0, 4.0, 2.0, 1.0])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_both_ends_are_met_exactly(schedule: RangeSchedule):
    values = schedule.values(7)
    assert (values[0], values[-1]) == (schedule.initial, schedule.final)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("count", [1, 2, 13])
def test_kernels_compute_the_same_values(schedule: RangeSchedule, count: int):
    course = schedule.course(count)
    assert [value_at(course, number) for number in range(count)] == pytest.approx(schedule.values(count).tolist())


def test_a_single_point_is_the_final_one():
    assert RangeSchedule("linear", 3.0, 4.0).values(1).tolist() == [4.0]
    assert RangeSchedule("linear", 3.0, 4.0).values(0).size == 0


@pytest.mark.parametrize(
    ("schedule", "word"),
    [
        (RangeSchedule("cubic", 0.0, 1.0), "cubic"),
        (RangeSchedule("linear", 0.0, math.inf), "finite"),
        (RangeSchedule("linear", math.nan, 1.0), "finite"),
        (RangeSchedule("geometric", 0.0, 1.0), "above 0"),
        (RangeSchedule("geometric", 1.0, -1.0), "above 0"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule: RangeSchedule, word: str):
    with pytest.raises(ValueError, match=word):
        schedule.values(3)


def test_values_are_doubles():
    assert {s.values(n).dtype for s in SCHEDULES for n in (0, 1, 4)} == {np.dtype(np.float64)}
