import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import InvalidRequest
from kyanite.http.native.bodies import JobBody, SessionBody, is_deeper, read, text_or_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a[]{}"\\ \n:,é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\k', max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


def depth(value):
    """How deep a value is nested; a plain one is not."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.sampled_from([None, 1]))
def test_the_depth_of_json_is_seen_by_its_brackets(value, indent):
    body = json.dumps(value, indent=indent).encode()
    for most in range(1, depth(value) + 2):
        assert is_deeper(body, most) is (depth(value) > most)


@given(st.binary(max_size=40) | st.text(alphabet='[]{}"\\', max_size=60).map(str.encode))
def test_whatever_is_no_json_has_some_depth(body):
    assert is_deeper(body, 2) in {True, False}


def test_brackets_side_by_side_are_not_deep():
    assert not is_deeper(b"[" + b"[]," * 1_000 + b"{}]", 2)
    assert not is_deeper(b'["' + b"[" * 1_000 + b'","\\"[","]"]', 2)
    assert is_deeper(b"[" * 3 + b"1" + b"]" * 3, 2)


@given(VALUES)
def test_an_input_is_text_nothing_or_what_was_written(value):
    raw = json.dumps(value, ensure_ascii=False).encode()
    found = text_or_json(msgspec.Raw(raw))
    if value is None or isinstance(value, str):
        assert found == value
    else:
        assert bytes(found) == raw


def test_an_empty_body_is_an_empty_object():
    assert read(b"", SessionBody) == read(b" \n", SessionBody) == SessionBody()
    with pytest.raises(InvalidRequest, match="target is missing"):
        read(b"", JobBody)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"a": 1}', "a"),
        (b'{"target": 1}', "target"),
        (b'{"target": "a", "metadata": []}', "metadata"),
        (b"1", "body"),
    ],
)
def test_the_field_at_fault_is_named(body, field):
    with pytest.raises(InvalidRequest) as raised:
        read(body, JobBody)
    assert raised.value.field == field
