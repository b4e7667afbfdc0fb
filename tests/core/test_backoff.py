from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.backoff import Backoff, delay_s


def test_delays_grow_to_a_bound():
    policy = Backoff(first_s=1, factor=2, most_s=10, jitter=0.5)
    assert [delay_s(n, policy, 0.0) for n in (1, 2, 3, 4, 5, 500)] == [1, 2, 4, 8, 10, 10]
    assert delay_s(3, policy, 0.5) == 3.0


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_never_to_less_than_half(attempt, random):
    policy = Backoff(first_s=0.5, factor=3.0, most_s=60.0, jitter=0.5)
    full = delay_s(attempt, policy, 0.0)
    assert 0 < full / 2 <= delay_s(attempt, policy, random) <= full <= policy.most_s
