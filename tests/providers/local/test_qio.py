import json
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ProviderError
from kyanite_providers.local import qio, term_list
from kyanite_providers.local.qio import read_long_qio, read_qio
from kyanite_providers.local.window import Window
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


def pieces(content, length):
    return (content[at : at + length] for at in range(0, len(content), length))


def streamed(content, length=7, window_bytes=16):
    """Read as a long input is read: in pieces, through a window that has to move and to grow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qio, "Window", partial(Window, size=window_bytes))
        return read_long_qio(pieces(content, length))


def assert_same(wire, other):
    assert (wire.kind, wire.initial) == (other.kind, other.initial)
    for one, another in zip((*wire.products, *wire.inner), (*other.products, *other.inner), strict=True):
        assert one.tolist() == another.tolist()
        assert one.dtype == another.dtype
    assert wire.group_scale.tolist() == other.group_scale.tolist()
    assert wire.group_start.tolist() == other.group_start.tolist()


@given(terms=st.lists(TERMS, max_size=30), spaced=st.booleans(), length=st.integers(1, 80), size=st.integers(1, 300))
def test_reading_in_pieces_gives_the_same_as_reading_at_once(terms, spaced, length, size):
    terms = [{"c": 1, "ids": [0]}, *terms]
    problem = {"metadata": {"terms": [1]}, "cost_function": {"type": "ising", "terms": terms, "version": "1.0"}}
    separators = (" ,  ", " :\n") if spaced else (",", ":")
    content = json.dumps(problem, separators=separators).encode()
    read = streamed(content, length, size)
    assert_same(read, read_qio(content))
    assert read.products.coefficient.tolist() == [term["c"] for term in terms]
    assert read.products.ids.tolist() == [i for term in terms for i in term["ids"]]


@given(count=st.integers(3, 90), place=st.integers(0, 89), length=st.integers(1, 80))
def test_fault_in_a_later_piece_has_its_own_index(count, place, length):
    place %= count
    terms = [{"c": "x" if k == place else 1, "ids": [k]} for k in range(count)]
    content = json.dumps({"cost_function": {"version": "1.0", "type": "ising", "terms": terms}}).encode()
    with pytest.raises(ProviderError) as caught:
        streamed(content, length)
    assert caught.value.error.target == f"cost_function.terms[{place}].c"


@pytest.mark.parametrize("content", [content for content, _, _ in FAULTS.values()], ids=FAULTS.keys())
def test_fault_is_refused_in_the_same_words_in_pieces(content):
    with pytest.raises(ProviderError) as caught:
        streamed(content, 1 + len(content) // 50)
    assert outcome(content) == caught.value.error.message


GOOD = b'{"c":1,"ids":[0]}'
LISTS = {
    "nothing": b"",
    "one": GOOD,
    "blanks": b" \n\t " + GOOD + b" \r ",
    "the other order": b'{ "ids" : [ 3 , 4 ] , "c" : -2.5E+1 }',
    "zeros": b'{"c":-0,"ids":[0]},{"c":0.0e9,"ids":[]},{"c":-0.0,"ids":[]}',
    "the largest id": b'{"c":1,"ids":[9223372036854775807]}',
    "an id of 18 digits": b'{"c":1,"ids":[999999999999999999]}',
    "an id beyond int32 late": GOOD * 1 + b',{"c":1,"ids":[2147483648,2147483647]}',
    "long numbers": b'{"c":0.1000000000000000055511151231257827021181583404541015625,"ids":[]}',
    "a tie": b'{"c":9007199254740993,"ids":[]},{"c":9007199254740995.000000000000000000001,"ids":[]}',
    "a subnormal": b'{"c":5e-324,"ids":[]},{"c":2.2250738585072011e-308,"ids":[]}',
    "the largest double": b'{"c":1.7976931348623157e308,"ids":[]}',
    "a key escaped": b'{"\\u0063":2,"ids":[1]}',
    "another key": b'{"c":2,"ids":[1],"note":[{"c":[]},"]}"]}',
    "a key twice": b'{"c":2,"c":3,"ids":[1],"ids":[2]}',
    "many odd ones": b",".join([b'{"c":2,"ids":[1],"x":0}'] * 200),
    "no comma": GOOD + GOOD,
    "a comma too many": GOOD + b",",
    "only a comma": b",",
    "two commas": GOOD + b",," + GOOD,
    "a comma in front": b"," + GOOD,
    "a brace too many": GOOD + b"}",
    "a brace too many in an odd one": b'{"c":2,"ids":[1],"x":0}},' + GOOD,
    "the wrong bracket": b'{"c":2,"ids":[1},' + GOOD,
    "a letter behind": GOOD + b"x",
    "a NUL": GOOD + b"\0," + GOOD,
    "a leading zero": b'{"c":01,"ids":[0]}',
    "an id with a leading zero": b'{"c":1,"ids":[00]}',
    "no digits behind the point": b'{"c":1.,"ids":[0]}',
    "no digits in the exponent": b'{"c":1e+,"ids":[0]}',
    "a plus": b'{"c":+1,"ids":[0]}',
    "a half word": b'{"c":1,"id":[0]}',
    "a comma in the ids": b'{"c":1,"ids":[0,]}',
    "NaN far behind": (GOOD + b",") * 100 + b'{"c":NaN,"ids":[0]}',
    "minus infinity in an odd one": b'{"c":-Infinity,"ids":[0],"x":1},' + GOOD,
    "deep": b'{"c":1,"ids":[0],"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
}


@pytest.mark.parametrize("terms", LISTS.values(), ids=LISTS.keys())
@pytest.mark.parametrize("length", [1, 11, 10_000])
def test_terms_are_read_or_refused_alike_in_pieces(terms, length):
    content = b'{"cost_function":{"version":"1.0","type":"ising","terms":[%b]}}' % terms
    assert outcome(content, lambda content: streamed(content, length)) == outcome(content)
    if outcome(content).startswith("read"):
        assert_same(streamed(content, length), read_qio(content))


@pytest.mark.parametrize("cut", range(1, 120))
def test_half_a_document_is_refused_alike_in_pieces(cut):
    content = document(b'{"c":-1.5e3,"ids":[0,12]},{"c":1,"ids":[],"x":"]"}')[:cut]
    assert outcome(content, streamed) == outcome(content)


def test_of_terms_given_twice_the_last_ones_count():
    first, second = b'"terms":[{"c":1,"ids":[0]}]', b'"terms":[{"c":2,"ids":[1,2]}]'
    for more in (b"%b,%b" % (first, second), b'"a":{%b},%b' % (first, second), b'%b,"terms":[]' % first):
        content = b'{"cost_function":{"version":"1.0","type":"ising",%b}}' % more
        assert outcome(content, streamed) == outcome(content)
    content = b'{"cost_function":{"version":"1.0","type":"ising",%b,%b}}' % (first, second)
    assert_same(streamed(content), read_qio(content))


def test_terms_under_an_escaped_name_are_read(monkeypatch):
    monkeypatch.setattr(term_list, "AT_ONCE_BYTES_MAX", 8)
    content = document(b'{"c":2,"ids":[1,2]},{"c":2,"ids":[1],"x":0}').replace(b'"terms"', b'"\\u0074erms"')
    read = read_qio(content)
    assert read.products.ids.tolist() == [1, 2, 1]
    assert_same(streamed(content), read)


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
    told = outcome(bytes(damaged))
    assert re.match(r"AZQ10[2-5]: |read [1-9]", told)
    in_pieces = outcome(bytes(damaged), streamed)
    # Where several things are wrong, the order in which they are met decides.
    assert in_pieces == told or (in_pieces[:3], told[:3]) == ("AZQ", "AZQ")


def outcome(content, read=read_qio):
    try:
        wire = read(content)
    except ProviderError as error:
        return error.error.message
    return f"read {wire.products.coefficient.size + wire.group_scale.size} terms and groups"
