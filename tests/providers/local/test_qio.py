import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ProviderError
from kyanite_providers.local import qio
from kyanite_providers.local.qio import read_qio
from tests.providers.local.faketask import ising


def document(term: bytes, kind: bytes = b"ising") -> bytes:
    return b'{"cost_function":{"version":"1.0","type":"%b","terms":[{"c":1,"ids":[]},%b]}}' % (kind, term)


def function(more: str) -> bytes:
    return b'{"cost_function":{"version":"1.0","type":"ising"%b}}' % more.encode()


TERM_AT = "cost_function.terms[1]"
DEEP = 10**6
FAULTS = {
    "nothing": (b"", "AZQ105", None),
    "no JSON": (b"hello", "AZQ105", None),
    "half of it": (b'{"cost_function":{"version', "AZQ105", None),
    "no UTF-8": (b'{"cost_function":{"version":"\xff"}}', "AZQ105", None),
    "an array": (b"[]", "AZQ103", None),
    "a lonely number": (b"3", "AZQ103", None),
    "brackets": (b"[" * DEEP, "AZQ103", None),
    "deep unknown field": (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "AZQ105", None),
    "deep ids": (document(b'{"c":1,"ids":' + b"[" * DEEP + b"]" * DEEP + b"}"), "AZQ105", None),
    "deep objects": (b'{"a":' * DEEP, "AZQ105", None),
    "no cost function": (b"{}", "AZQ102", "cost_function"),
    "cost function a list": (b'{"cost_function":[]}', "AZQ103", "cost_function"),
    "no version": (b'{"cost_function":{"type":"ising","terms":[]}}', "AZQ102", "cost_function.version"),
    "unknown version": (
        b'{"cost_function":{"version":"2.0","type":"ising","terms":[]}}',
        "AZQ103",
        "cost_function.version",
    ),
    "no type": (b'{"cost_function":{"version":"1.0","terms":[]}}', "AZQ102", "cost_function.type"),
    "unknown type": (
        b'{"cost_function":{"version":"1.0","type":"maxsat","terms":[]}}',
        "AZQ103",
        "cost_function.type",
    ),
    "no terms": (function(""), "AZQ102", "cost_function.terms"),
    "empty terms": (function(',"terms":[]'), "AZQ102", "cost_function.terms"),
    "terms an object": (function(',"terms":{}'), "AZQ103", "cost_function.terms"),
    "terms null": (function(',"terms":null'), "AZQ103", "cost_function.terms"),
    "term a number": (document(b"7"), "AZQ103", TERM_AT),
    "no c": (document(b'{"ids":[0]}'), "AZQ102", TERM_AT + ".c"),
    "no ids": (document(b'{"c":1}'), "AZQ102", TERM_AT + ".ids"),
    "c a string": (document(b'{"c":"1","ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c true": (document(b'{"c":true,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c null": (document(b'{"c":null,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c NaN": (document(b'{"c":NaN,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c Infinity": (document(b'{"c": Infinity,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c -Infinity": (document(b'{"c":-Infinity,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c 1e999": (document(b'{"c":1e999,"ids":[0]}'), "AZQ103", TERM_AT + ".c"),
    "c of 400 digits": (document(b'{"c":1%b,"ids":[0]}' % (b"0" * 400)), "AZQ103", TERM_AT + ".c"),
    "id negative": (document(b'{"c":1,"ids":[0,-1]}'), "AZQ103", TERM_AT + ".ids[1]"),
    "id a fraction": (document(b'{"c":1,"ids":[0.5]}'), "AZQ103", TERM_AT + ".ids[0]"),
    "id true": (document(b'{"c":1,"ids":[true]}'), "AZQ103", TERM_AT + ".ids[0]"),
    "id a string": (document(b'{"c":1,"ids":["0"]}'), "AZQ103", TERM_AT + ".ids[0]"),
    "id NaN": (document(b'{"c":1,"ids":[NaN]}'), "AZQ103", TERM_AT + ".ids[0]"),
    "id beyond int64": (document(b'{"c":1,"ids":[9223372036854775808]}'), "AZQ103", TERM_AT + ".ids[0]"),
    "id of 5000 digits": (document(b'{"c":1,"ids":[%b]}' % (b"1" * 5000)), "AZQ103", TERM_AT + ".ids[0]"),
    "ids a number": (document(b'{"c":1,"ids":0}'), "AZQ103", TERM_AT + ".ids"),
    "groups in a plain type": (
        function(',"terms":[],"terms_slc":[{"c":1,"terms":[]}]'),
        "AZQ103",
        "cost_function.terms_slc",
    ),
    "initial value of another type": (
        function(',"terms":[{"c":1,"ids":[0]}],"initial_configuration":{"0":0}'),
        "AZQ104",
        "cost_function.initial_configuration.0",
    ),
    "initial value true": (
        function(',"terms":[{"c":1,"ids":[0]}],"initial_configuration":{"0":true}'),
        "AZQ104",
        "cost_function.initial_configuration.0",
    ),
    "initial id no number": (
        function(',"terms":[{"c":1,"ids":[0]}],"initial_configuration":{"x":1}'),
        "AZQ104",
        "cost_function.initial_configuration.x",
    ),
    "initial id with a zero in front": (
        function(',"terms":[{"c":1,"ids":[0]}],"initial_configuration":{"00":1}'),
        "AZQ104",
        "cost_function.initial_configuration.00",
    ),
    "initial configuration a list": (
        function(',"terms":[{"c":1,"ids":[0]}],"initial_configuration":[1]'),
        "AZQ103",
        "cost_function.initial_configuration",
    ),
}


@pytest.mark.parametrize(("content", "azq", "field"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_refused_by_name(content, azq, field):
    with pytest.raises(ProviderError) as caught:
        read_qio(content)
    error = caught.value.error
    assert error.code == "InvalidInputData"
    assert error.message.startswith(azq + ": ")
    assert error.target == field
    assert field is None or field in error.message
    assert len(error.message) < 400


def test_many_nans_take_no_longer_than_one():
    with pytest.raises(ProviderError) as caught:
        read_qio(document(b",".join([b'{"c":NaN,"ids":[0]}'] * 20_000)))
    assert caught.value.error.target == TERM_AT + ".c"


def test_everything_the_format_has_is_read():
    problem = ising((-9, 0), (2.5, 1, 0), (7,), kind="pubo_grouped")
    problem["metadata"] = {"name": "NaN, Infinity"}
    problem["unknown"] = {"a": [1]}
    problem["cost_function"] |= {
        "version": "1.1",
        "initial_configuration": {"1": 0},
        "terms_slc": [{"c": 3, "terms": [{"c": 2, "ids": [4]}, {"c": -1, "ids": []}]}],
    }
    wire = read_qio(json.dumps(problem).encode())
    assert wire.kind == "pubo"
    assert wire.products.coefficient.tolist() == [-9, 2.5, 7]
    assert wire.products.start.tolist() == [0, 1, 3, 3]
    assert wire.products.ids.tolist() == [0, 1, 0]
    assert wire.group_scale.tolist() == [3]
    assert wire.inner.coefficient.tolist() == [2, -1]
    assert wire.inner.ids.tolist() == [4]
    assert wire.initial == {1: 0}


TERMS = st.fixed_dictionaries(
    {
        "c": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "ids": st.lists(st.integers(0, 2**63 - 1), max_size=4),
    },
    optional={
        "note": st.one_of(
            st.just([{"a": 1}, {"b": 2}]),
            st.just("}, {"),
            st.just('"}, {"c": 1, "ids": [3]}, {'),
            st.just({"x": {"y": [{}, {}]}}),
        )
    },
)


@given(terms=st.lists(TERMS, min_size=1, max_size=30), spaced=st.booleans(), piece=st.integers(1, 60))
def test_reading_in_pieces_gives_the_same_as_reading_at_once(terms, spaced, piece):
    problem = {"cost_function": {"version": "1.0", "type": "ising", "terms": terms}}
    separators = (" ,  ", " : ") if spaced else (",", ":")
    content = json.dumps(problem, separators=separators).encode()
    whole = read_qio(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qio, "_PIECE_BYTES", piece)
        pieces = read_qio(content)
    for one, other in zip(whole.products, pieces.products, strict=True):
        assert one.tolist() == other.tolist()
    assert whole.products.coefficient.tolist() == [term["c"] for term in terms]
    assert whole.products.ids.tolist() == [i for term in terms for i in term["ids"]]


@given(count=st.integers(3, 40), place=st.integers(0, 39), piece=st.integers(1, 80))
def test_fault_in_a_later_piece_has_its_own_index(count, place, piece):
    place %= count
    terms = [{"c": "x" if k == place else 1, "ids": [k]} for k in range(count)]
    content = json.dumps({"cost_function": {"version": "1.0", "type": "ising", "terms": terms}}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qio, "_PIECE_BYTES", piece)
        with pytest.raises(ProviderError) as caught:
            read_qio(content)
    assert caught.value.error.target == f"cost_function.terms[{place}].c"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cost_function", "version", "type", "terms", "c", "ids", "terms_slc", "initial_configuration"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
FUNCTIONS = st.fixed_dictionaries(
    {
        "version": st.just("1.0"),
        "type": st.sampled_from(["ising", "pubo_grouped"]),
        "terms": st.lists(TERMS | JSON_VALUES, max_size=3) | JSON_VALUES,
    },
    optional={
        "terms_slc": st.lists(st.fixed_dictionaries({"c": JSON_VALUES, "terms": st.lists(TERMS)})) | JSON_VALUES,
        "initial_configuration": st.dictionaries(st.text(max_size=3), JSON_VALUES) | JSON_VALUES,
    },
)


@given(
    content=st.binary(max_size=60)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | FUNCTIONS.map(lambda value: json.dumps({"cost_function": value}).encode()),
    cut=st.none() | st.integers(0, 200),
    flipped=st.none() | st.tuples(st.integers(0, 10_000), st.integers(1, 255)),
)
def test_whatever_comes_is_read_or_refused(content, cut, flipped):
    damaged = bytearray(content[:cut])
    if flipped and damaged:
        damaged[flipped[0] % len(damaged)] ^= flipped[1]
    assert re.match(r"AZQ10[2-5]: |read [1-9]", outcome(bytes(damaged)))


def outcome(content):
    try:
        wire = read_qio(content)
    except ProviderError as error:
        return error.error.message
    return f"read {wire.products.coefficient.size + wire.group_scale.size} terms and groups"
