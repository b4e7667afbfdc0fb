import pytest

from kyanite.core.histogram import Histogram


def test_a_duration_counts_in_the_first_bucket_whose_bound_it_does_not_exceed():
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.10001, 1.0, 7.0):
        histogram.observe(seconds)
    assert histogram.counts == [2, 2, 1]
    assert histogram.count == 5
    assert histogram.sum_s == pytest.approx(8.25001)


def test_a_negative_duration_counts_as_none():
    histogram = Histogram((0.1,))
    histogram.observe(-3600.0)
    assert (histogram.counts, histogram.sum_s) == ([1, 0], 0.0)
