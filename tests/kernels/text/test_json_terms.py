"""The twin is Python's JSON reader."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite_kernels.text.json_terms import CLOSED, COUNTED, MORE, ODD, STATE_SIZE, find_terms, scan_terms, skip_values

TERM = {"c": 1.5, "ids": [0, 12]}


def padded(text):
    return np.frombuffer(bytearray(text.encode() + b"\0"), dtype=np.uint8)


def scan(text):
    room = len(text) + 1
    coefficient, stop, ids = np.empty(room), np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    at, status, terms, count = scan_terms(padded(text), 0, len(text), coefficient, stop, ids)
    begins = [0, *stop[:terms].tolist()]
    read = [{"c": coefficient[t], "ids": ids[begins[t] : begins[t + 1]].tolist()} for t in range(terms)]
    assert begins[-1] == count
    return at, status, read


COEFFICIENTS = st.floats(-1e9, 1e9, width=32, allow_subnormal=False) | st.integers(-9, 9)
IDS = st.lists(st.integers(0, 10**18 - 1), max_size=4)
TERMS = st.lists(st.fixed_dictionaries({"c": COEFFICIENTS, "ids": IDS}), min_size=1, max_size=8)


@given(
    terms=TERMS, turned=st.booleans(), separators=st.sampled_from([(",", ":"), (" ,\n ", "\t: ")]), cut=st.integers(0)
)
def test_terms_are_those_of_the_json(terms, turned, separators, cut):
    if turned:
        terms = [dict(reversed(term.items())) for term in terms]
    text = json.dumps(terms, separators=separators)[1:]
    assert scan(text) == (len(text), CLOSED, terms)
    part = text[: cut % len(text)]
    at, status, read = scan(part)
    assert status == MORE
    assert read == terms[: len(read)]
    assert json.loads("[" + part[:at] + json.dumps(TERM) + "]")[:-1] == read
    # What is left is less than one more term.
    assert scan(part[at:])[2] == []


@pytest.mark.parametrize(
    "odd",
    [
        *('{"c":1}', '{"ids":[]}', '{"c":1,"c":1}', '{"c":1,"ids":[],"x":1}', '{"c":1,"id":[]}', '{"c":"1","ids":[]}'),
        *('{"c":1,"ids":[-1]}', '{"c":1,"ids":[1.0]}', '{"c":1,"ids":[01]}', '{"c":1,"ids":[1,]}', '{"c":1,"ids":1}'),
        *('{"c":1,"ids":[1000000000000000000]}', '{"c":1e400,"ids":[]}', '{"c":1,"ids":[]}}', "[]", "1", "null", "]"),
    ],
)
def test_scanner_stops_in_front_of_what_is_odd(odd):
    text = json.dumps(TERM) + "," + odd + "," + json.dumps(TERM) + "]"
    at, status, read = scan(text)
    assert (status, read) == (ODD, [TERM])
    assert text[at:].startswith(odd)


VALUES = st.recursive(
    st.none() | st.integers() | st.text('ab[]{},:"\\', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(',]"\\', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(values=st.lists(VALUES, min_size=1, max_size=6), most=st.integers(1, 7), cut=st.integers(0))
def test_values_are_gone_over_whole(values, most, cut):
    text = json.dumps(values)[1:]
    at, status = skip_values(padded(text), 0, len(text), most)
    gone = values[:most]
    assert status == (COUNTED if most < len(values) else CLOSED)
    assert json.loads("[" + text[: at - 1] + "]") == gone
    at, status = skip_values(padded(text), 0, cut % len(text), 99)
    assert status in {COUNTED, MORE}
    assert (at == 0) == (status == MORE)
    if at:
        assert json.loads("[" + text[: at - 1] + "]") == values[: len(json.loads("[" + text[: at - 1] + "]"))]


@pytest.mark.parametrize(("text", "at"), [("1}", 2), ("{}}", 3), ("[1],}", 5)])
def test_brace_that_closes_nothing_is_odd(text, at):
    assert skip_values(padded(text), 0, len(text), 9) == (at, ODD)


DOCUMENTS = [
    '{"cost_function":{"terms":@[{"c":1}]}}',
    '{"terms":[],"x":{"terms":[]},"cost_function":{"a":["terms",[],{"terms":[]}],"b":"terms","terms" : @[]}}',
    '{"cost_function":"terms","x":{"terms":[]},"a\\"b":{},"cost_function" :\n{"terms":{},"terms": @[1]}}',
    '{"cost_functio":{"terms":[]},"cost_functions":{"terms":[]},"x_cost_function":{"terms":[]}}',
    '{"cost_function":{"term":[],"termss":[],"te\\u0072ms":[],"\\"terms":[],"terms\\"":[]}}',
    '[{"cost_function":{"terms":[]}}]',
    '{"cost_function":[{"terms":[]}],"metadata":{"terms":[]}}',
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("length", [1, 3, 1000])
def test_terms_are_found_by_their_path(document, length):
    text = document.replace("@", "")
    state, found = np.zeros(STATE_SIZE, dtype=np.int64), len(text)
    for begin in range(0, len(text), length):
        end = min(begin + length, len(text))
        found = find_terms(padded(text), begin, end, state)
        if found < end:
            break
    assert found == (document.index("@") if "@" in document else len(text))
