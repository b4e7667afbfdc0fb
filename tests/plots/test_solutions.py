from hypothesis import given
from hypothesis import strategies as st

from kyanite.plots.solutions import counted, edges, labels

finite = st.floats(-1e300, 1e300)


def test_equal_costs_are_counted_and_noise_is_no_difference():
    assert counted([-17.0, -17.0, -15.0]) == {-17.0: 2, -15.0: 1}
    assert counted([0.3, 0.1 + 0.2, 0.4]) == {0.3: 2, 0.4: 1}
    assert counted([-1e12, -1e12 + 1]) == {-1e12: 1, -1e12 + 1: 1}


def test_whole_costs_are_binned_by_their_step():
    costs = [float(cost) for cost in range(-40, 0, 2)]
    assert edges(costs) == [-41.0 + 2 * place for place in range(21)]
    wide = [float(cost) for cost in range(0, 1000, 10)]
    widths = {after - before for before, after in zip(edges(wide), edges(wide)[1:], strict=False)}
    assert widths == {40.0}


@given(st.lists(finite, min_size=11, unique=True).map(sorted))
def test_every_cost_is_in_a_bin(costs):
    found = edges(costs)
    assert found == sorted(found)
    assert 2 <= len(found) <= 31
    assert found[0] <= costs[0]
    assert found[-1] >= costs[-1]


@given(st.lists(st.integers(-(2**52), 2**52).map(float), min_size=11, unique=True).map(sorted))
def test_every_whole_cost_is_in_a_bin(costs):
    found = edges(costs)
    assert len(found) <= 31
    assert found[0] <= costs[0]
    assert found[-1] >= costs[-1]


@given(st.lists(finite, min_size=1, max_size=10, unique=True))
def test_labels_tell_the_costs_apart(costs):
    texts = labels(costs)
    assert len(set(texts)) == len(set(costs))


def test_labels_are_no_longer_than_needed():
    assert labels([-1 / 3, 0.5]) == ["\N{MINUS SIGN}0.33333333", "0.5"]
    assert labels([1234567.25, 1234567.5]) == ["1234567.2", "1234567.5"]
