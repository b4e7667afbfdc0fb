import sys
import unicodedata
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.blobs.keys import SCHEME, file_path, is_safe, key_of, safe_key, uri_of
from kyanite.errors import InvalidRequest
from kyanite.testing.blobs import ODD, REFUSED

ROOT = Path("/srv/blobs")
ANYTHING = st.text(max_size=40)
# Dense in what path tricks are made of.
TRICKY = st.lists(
    st.sampled_from([*"./\\%ab:~ \0\n", "..", "%2e", "%2F", "C:", "é", "e\u0301", "\u202e", "\ud800", "\U0010ffff"]),
    max_size=12,
).map("".join)
PARTS = st.lists(st.one_of(ANYTHING, TRICKY, st.sampled_from(["default", "job-1"])), max_size=6).map("/".join)
KEYS = st.one_of(ANYTHING, TRICKY, PARTS)


def allowed(key):
    if is_safe(key):
        assert safe_key(key) == key
        return True
    with pytest.raises(InvalidRequest) as refused:
        safe_key(key)
    assert refused.value.field == "key"
    return False


@given(KEYS)
def test_an_allowed_key_stays_below_the_root_and_comes_back(key):
    if not allowed(key):
        for use in (uri_of, lambda key: file_path(ROOT, key)):
            with pytest.raises(InvalidRequest):
                use(key)
        return
    path = file_path(ROOT, key)
    assert path.is_relative_to(ROOT / "objects")
    assert ".." not in path.parts
    assert Path(str(path)).resolve() == path
    assert "/".join(path.parts[len(ROOT.parts) + 2 :]) == key
    uri = uri_of(key)
    assert uri.isascii()
    assert uri.isprintable()
    assert " " not in uri
    assert key_of(uri) == key


NESTED = st.lists(st.sampled_from(["a", "b", "a.b", "3"]), min_size=3, max_size=6).map("/".join)


@given(st.lists(st.sampled_from(ODD) | NESTED, min_size=2, max_size=8, unique=True))
def test_no_key_has_the_place_of_another_nor_lies_within_it(keys):
    paths = [file_path(ROOT, key) for key in keys]
    for number, path in enumerate(paths):
        for other in paths[:number]:
            assert not path.is_relative_to(other)
            assert not other.is_relative_to(path)


@given(KEYS)
def test_a_uri_has_one_spelling(text):
    uri = SCHEME + text
    with suppress(InvalidRequest):
        assert uri_of(key_of(uri)) == uri


@pytest.mark.parametrize("key", REFUSED)
def test_unsafe_keys_are_refused(key):
    assert not allowed(key)


@pytest.mark.parametrize("key", ODD)
def test_odd_keys_come_back(key):
    assert allowed(key)
    assert key_of(uri_of(key)) == key


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("a/../c", "must not have a part '..'"),
        ("a//c", "must not have an empty part"),
        ("a/b\\c/d", "must not contain a backslash"),
        ("a/b\0/d", "must not contain a control character"),
        ("a/b", "must be <workspace>/<container>/<name>"),
        ("a/b/c.", "must not have a part that ends in a dot or a space"),
        ("C:/b/c", "must not have a part that looks like a drive"),
        ("a/b/" + "x" * 256, "must not have a part longer than 255 bytes"),
        ("/".join(["x" * 100] * 11), "must not be longer than 1024 bytes"),
        ("a/b/e\u0301", "must be in Unicode normal form C"),
        (7, "must be text"),
    ],
)
def test_the_problem_is_named(key, problem):
    with pytest.raises(InvalidRequest) as refused:
        safe_key(key)
    assert f"key {problem}" in str(refused.value)


def test_characters_that_are_not_seen_are_refused_and_no_others():
    def refused(text):
        try:
            safe_key(f"w/c/a{text}b")
        except InvalidRequest as error:
            return any(kind in str(error) for kind in ("a control character", "half a surrogate", "a line break"))
        return False

    seen, unseen = [], []
    for character in map(chr, range(sys.maxunicode + 1)):
        (unseen if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} else seen).append(character)
    assert all(map(refused, unseen))
    assert not any(refused("".join(seen[at : at + 200])) for at in range(0, len(seen), 200))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "default/job-1/inputData",
        "file:///default/job-1/inputData",
        "kyanite://default/job-1/inputData",
        "KYANITE:///default/job-1/inputData",
        "kyanite:////default/job-1/inputData",
        "kyanite:///default/job-1/%69nputData",
        "kyanite:///default/job-1/%2E%2E",
        "kyanite:///default/job-1/a%2Fb",
        "kyanite:///default/job-1/a b",
        "kyanite:///default/job-1/%c3%a9",
        "kyanite:///default/job-1/%FF",
        "kyanite:///default/job-1/é",
        "kyanite:///default/job-1/x?y=1",
        "kyanite:///default/job-1/x#y",
    ],
)
def test_other_uris_are_refused(uri):
    with pytest.raises(InvalidRequest):
        key_of(uri)


def test_a_uri_is_what_people_expect():
    assert uri_of("default/job-1/inputData") == "kyanite:///default/job-1/inputData"
    assert uri_of("default/job-1/100% é") == "kyanite:///default/job-1/100%25%20%C3%A9"
