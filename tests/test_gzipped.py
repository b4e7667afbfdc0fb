import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.gzipped import plain
from kyanite.optimization import Problem
from kyanite.runtime.job import decode_results

MIB = 1 << 20


@given(st.lists(st.binary(max_size=3 * MIB), min_size=1, max_size=3))
def test_members_are_undone_one_after_the_other(parts):
    assert plain(b"".join(map(gzip.compress, parts))) == b"".join(parts)


@given(st.binary())
def test_other_bytes_stay_as_they_are(content):
    assert plain(b"x" + content) == b"x" + content


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_stream_cut_anywhere_is_refused(content, data):
    whole = gzip.compress(content)
    with pytest.raises(ValueError, match="gzip stream is damaged"):
        plain(whole[: data.draw(st.integers(2, len(whole) - 1))])


@pytest.mark.parametrize("at", range(2, 30))
def test_a_damaged_stream_is_refused_or_says_the_same(at):
    """Time and name in the head are no part of the content."""
    content = bytearray(gzip.compress(b"what it holds", mtime=0))
    content[at] ^= 0x10
    try:
        assert plain(bytes(content)) == b"what it holds"
    except ValueError as error:
        assert "damaged" in str(error)  # noqa: PT017  # both are right, and which it is depends on the byte


def test_what_holds_too_much_is_refused_before_it_is_held():
    bomb = gzip.compress(bytes(200 * MIB))
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"more than {8 * MIB} bytes"):
        plain(bomb, 8 * MIB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * MIB


def test_the_limit_itself_is_allowed():
    assert len(plain(gzip.compress(bytes(MIB)), MIB)) == MIB


def test_readers_of_results_and_problems_keep_to_the_bound(monkeypatch):
    monkeypatch.setattr("kyanite.gzipped.plain.__defaults__", (MIB,))
    bomb = gzip.compress(b" " * (2 * MIB) + b"{}")
    with pytest.raises(Exception, match="more than"):
        decode_results(bomb, "application/json")
    with pytest.raises(ValueError, match="more than"):
        Problem.deserialize(bomb)
