import json
import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kyanite_providers.local.convergence import POINTS_MAX, convergence, exact, thinned


def decay(count, scale=1.0):
    """A search as they are: fast at first, then ever more slowly."""
    return [(0.008 * (k + 1), 40 * (k + 1), scale * (math.exp(-k / 100) - 1)) for k in range(count)]


def test_a_short_trace_stays_as_it_is_with_the_exact_cost_where_it_was_found():
    trace = [(0.00012, 1, 3.0), (0.0201, 7, -16.9999999999), (0.0311, 9, -17.0000000001)]
    assert convergence(trace, (1.5, 500, -17.0)) == [(0.0001, 1, 3.0), (0.0201, 7, -17.0)]


def test_what_was_found_after_the_last_report_is_a_point_at_the_end():
    assert exact([(0.1, 5, -3.0)], (0.2, 9, -4.0)) == [(0.1, 5, -3.0), (0.2, 9, -4.0)]


def test_whole_costs_are_exact_however_large_they_were():
    trace = [(0.1, 1, 6e12), (0.2, 2, 400.0), (0.3, 3, 0.0)]
    assert exact(trace, (1.0, 9, 0.0)) == trace
    assert exact(trace[:2], (1.0, 9, 0.0)) == [*trace[:2], (1.0, 9, 0.0)]


def test_no_trace_leaves_the_end():
    assert convergence([], (0.25, 0, 2.5)) == [(0.25, 0, 2.5)]


def test_costs_that_no_number_holds_make_no_curve():
    assert convergence([(0.1, 5, -math.inf)], (0.2, 9, -math.inf)) == []
    assert convergence([(0.1, 5, -math.inf)], (0.2, 9, 1.0)) == [(0.2, 9, 1.0)]


def test_a_long_trace_keeps_its_ends_and_its_shape():
    trace = decay(1000)
    kept = thinned(trace, POINTS_MAX)
    assert POINTS_MAX / 2 < len(kept) <= POINTS_MAX
    assert (kept[0], kept[-1]) == (trace[0], trace[-1])
    skipped_max = 3 / (POINTS_MAX - 1)
    span_s, reach = trace[-1][0] - trace[0][0], trace[0][2] - trace[-1][2]
    for point in trace:
        before = max(other for other in kept if other[0] <= point[0])
        assert (before[2] - point[2]) / reach <= skipped_max
        assert (point[0] - before[0]) / span_s <= skipped_max


def test_a_cliff_and_a_pause_in_a_long_trace_stay():
    trace = decay(400) + [(s + 60, sweeps + 9_000, cost - 5) for s, sweeps, cost in decay(400)]
    kept = thinned(trace, POINTS_MAX)
    assert trace[400] in kept
    steps = [(after[0] - before[0], before[2] - after[2]) for before, after in pairwise(kept)]
    assert max(seconds for seconds, _ in steps) > 50
    assert max(cost for _, cost in steps) > 3


def test_a_row_grows_by_about_two_kilobytes_at_most():
    for scale in (1.0, 1234.5678, 1e9 / 3):
        trace = [(s * 777.7, sweeps * 12_345, cost) for s, sweeps, cost in decay(1000, scale)]
        points = convergence(trace, (7000.0, 10**9, -scale))
        assert len(points) > POINTS_MAX / 2
        assert len(json.dumps(points, separators=(",", ":"))) < 2200


@st.composite
def traces(draw):
    costs = draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300, unique=True))
    steps = draw(st.lists(st.floats(0, 10), min_size=len(costs), max_size=len(costs)))
    seconds = 0.0
    trace = []
    for number, (cost, step) in enumerate(zip(sorted(costs, reverse=True), steps, strict=True)):
        seconds += step
        trace.append((seconds, number, cost))
    return trace, (seconds + 1, len(costs), draw(st.floats(allow_nan=False, allow_infinity=False)))


@given(traces())
def test_points_are_few_and_improve_and_end_exactly(case):
    trace, end = case
    points = convergence(trace, end)
    assert 1 <= len(points) <= POINTS_MAX
    assert all(after[2] < before[2] for before, after in pairwise(points))
    assert all(after[0] >= before[0] and after[1] >= before[1] for before, after in pairwise(points))
    assert points[-1][2] == end[2]
