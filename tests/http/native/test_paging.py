import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import InvalidRequest
from kyanite.http.native.paging import cursor_of, identity, key_of
from kyanite.http.native.parameters import JobListing

KEYS = st.lists(
    st.text(st.characters(codec="utf-8"))
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=3,
).map(tuple)


@given(KEYS, st.text(st.characters(codec="utf-8")))
def test_a_cursor_is_read_back_in_its_own_listing(key, listing):
    cursor = cursor_of(key, listing)
    assert key_of(cursor, listing) == key
    assert cursor.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(InvalidRequest, match="cursor is none that this listing gave"):
        key_of(cursor, f"{listing} ")


@given(KEYS, st.data())
def test_a_cursor_that_was_changed_is_refused(key, data):
    cursor = cursor_of(key, "l")
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_=.é").filter(lambda letter: letter != cursor[at]))
    with pytest.raises(InvalidRequest, match="none that this listing gave"):
        key_of(cursor[:at] + other + cursor[at + 1 :], "l")


@given(st.text(max_size=100))
def test_anything_else_is_no_cursor(text):
    with pytest.raises(InvalidRequest, match="none that this listing gave"):
        key_of(text, "l")


def test_a_listing_is_what_is_asked_for_but_for_the_page():
    one = JobListing(tag="a", limit=1, cursor="x")
    same = JobListing(tag="a", limit=2)
    others = (JobListing(tag="b"), JobListing(tag="a", order="name"), JobListing(tag="a", descending=True))
    assert identity("w", "/p", one) == identity("w", "/p", same)
    assert len({identity("w", "/p", asked) for asked in (one, *others)}) == 4
    assert len({identity(*place, one) for place in (("w", "/p"), ("v", "/p"), ("w", "/q"))}) == 3
