"""The token bucket, beside one that counts tokens, and its promises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.bucket import FULL, burst, spend

RATES = st.sampled_from([0.25, 0.5, 1.0, 4.0, 16.0, 64.0])
STEPS = st.lists(st.integers(0, 64).map(lambda ticks: ticks / 64) | st.just(16.0), max_size=200)


@given(RATES, STEPS)
def test_it_does_as_a_bucket_that_counts(per_s, steps):
    full_at, now = FULL, 1024.0
    tokens, most = burst(per_s), burst(per_s)
    for step in steps:
        now += step
        tokens = min(most, tokens + step * per_s)
        full_at, wait_s = spend(full_at, now, per_s)
        if tokens >= 1.0:
            tokens -= 1.0
            assert wait_s == 0.0
        else:
            assert wait_s == (1.0 - tokens) / per_s


@given(st.floats(1e-3, 1e5), st.lists(st.floats(0, 3), min_size=1, max_size=100), st.floats(0, 1e7))
def test_never_more_than_the_burst_and_the_rate_allow(per_s, steps, now):
    full_at, began, taken = FULL, now, 0
    for step in steps:
        now += step
        for _ in range(30):
            full_at, wait_s = spend(full_at, now, per_s)
            taken += wait_s == 0.0
    assert taken <= burst(per_s) + per_s * (now - began) + 1e-3


@given(st.floats(1e-300, 1e6), st.floats(0, 1e6))
def test_who_waits_as_told_is_not_sent_away_again(per_s, now):
    full_at, wait_s = FULL, 0.0
    while wait_s == 0.0 and full_at < now + 3e9:
        full_at, wait_s = spend(full_at, now, per_s)
        if per_s > 1000:
            full_at = max(full_at, now + (burst(per_s) - 1) / per_s)
    if wait_s:
        assert math.isfinite(wait_s)
        assert spend(full_at, now + wait_s * 1.000001 + 1e-9, per_s)[1] == 0.0


@pytest.mark.parametrize("per_s", [5e-324, 1e-9, 1e308])
def test_a_rate_beyond_sense_still_gives_numbers(per_s):
    full_at = FULL
    for _ in range(11):
        full_at, wait_s = spend(full_at, 1.0, per_s)
    assert math.isfinite(full_at)
    assert math.isfinite(wait_s)
    assert (wait_s > 0) == (per_s < 1)
