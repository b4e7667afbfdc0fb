from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import InvalidRequest
from kyanite.http.azure.paging import SIZE_MAX, Position, next_link, page_size, position_of, skip, token_of

whole = st.integers(-(1 << 62), 1 << 62)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
positions = st.builds(Position, st.integers(0, 9), st.tuples(whole, texts) | st.tuples(texts, whole, texts))


@given(positions, texts)
def test_a_position_comes_back_from_its_token(position, listing):
    token = token_of(position, listing)
    assert position_of(token, listing) == position
    assert token.isascii()
    assert not set(token) & set("{}+/=")


@given(positions, st.data())
def test_a_changed_token_is_refused(position, data):
    token = token_of(position, "jobs")
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCDwxyz0189-_").filter(lambda letter: letter != token[at]))
    with pytest.raises(InvalidRequest):
        position_of(token[:at] + letter + token[at + 1 :], "jobs")


@given(st.text(max_size=60) | st.text("ABCabc_-=", max_size=200))
def test_what_was_no_token_is_refused(text):
    with pytest.raises(InvalidRequest):
        position_of(text, "jobs")


def test_a_token_is_good_for_its_own_listing_only():
    token = token_of(Position(0, (1, "a")), "jobs")
    with pytest.raises(InvalidRequest):
        position_of(token, "jobs by name")


def test_the_size_of_a_page():
    assert page_size({}) == 100
    assert page_size({"top": "7"}) == 7
    assert page_size({"top": "123456789"}) == SIZE_MAX
    assert skip({}) == 0
    assert skip({"skip": "12"}) == 12


@pytest.mark.parametrize("text", ["0", "-1", "", "1.5", "ten", "١", "1" * 40, "1e3"])  # noqa: RUF001  # a digit elsewhere
def test_what_is_no_size_of_a_page(text):
    with pytest.raises(InvalidRequest) as refused:
        page_size({"top": text})
    assert refused.value.field == "top"


@pytest.mark.parametrize("text", ["-1", "", "x", "9999999999"])
def test_what_can_not_be_skipped(text):
    with pytest.raises(InvalidRequest) as refused:
        skip({"skip": text})
    assert refused.value.field == "skip"


def test_the_next_link_is_the_request_from_another_place_on():
    given = {"filter": "startswith(Name, 'a {b}')", "skip": "3", "top": "5", "token": "old", "api-version": "1"}
    link = next_link("http://127.0.0.1:1", "/v1.0/w/jobs", given, "new")
    parts = urlsplit(link)
    assert (parts.netloc, parts.path) == ("127.0.0.1:1", "/v1.0/w/jobs")
    assert parse_qs(parts.query) == {
        "filter": ["startswith(Name, 'a {b}')"],
        "top": ["5"],
        "token": ["new"],
        "api-version": ["1"],
    }
    assert link.format() == link
