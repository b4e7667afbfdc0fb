"""A stretch of the log: all past its base, in order, and no more than its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from kyanite.runtime import stretch
from tests.runtime.live import renamed


def test_it_is_bounded_by_bytes():
    small = stretch.Stretch(0, 100, 1_000)
    for position in range(1, 50):
        small.add(stretch.Entry(renamed("x" * 100)), position)
        assert sum(len(entry.frame) for entry in small.entries) <= 1_000
    small.add(stretch.Entry(renamed("x" * 2_000)), 50)
    assert (small.base, small.entries) == (50, [])


@given(lengths=st.lists(st.integers(1, 4), max_size=20), after=st.integers(0, 60), length_max=st.integers(1, 9))
def test_a_stretch_has_all_past_its_base_and_nothing_else(lengths, after, length_max):
    shared = stretch.Stretch(0, length_max, 1 << 20)
    position = 0
    for length in lengths:
        for _ in range(length):
            position += length
            shared.add(stretch.Entry(renamed(str(position))), position)
    given = []
    at = 0
    for length in lengths:
        for _ in range(length):
            at += length
            given.append(at)
    found = shared.since(after)
    if found is None:
        assert after < shared.base
    else:
        assert [int(entry.event.name) for entry in found] == [at for at in given if at > after]
