"""The twin reads fields one by one, as the description of the wire format has them."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kyanite_kernels.text import protobuf_terms as wire
from tests.providers.local.messages import field, message


def varint(text, at):
    value, shift = 0, 0
    while True:
        value |= (text[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if text[at - 1] < 128:
            return at, value


def fields(text):
    at = 0
    while at < len(text):
        at, key = varint(text, at)
        if key & 7 == 0:
            at, value = varint(text, at)
        else:
            at, size = varint(text, at) if key & 7 == 2 else (at, 8)
            value, at = text[at : at + size], at + size
        yield key >> 3, value


def naive_terms(text):
    for number, value in fields(text):
        if number == 1:
            for inner, term in fields(value):
                if inner == 3:
                    yield naive_term(term)


def naive_term(text):
    c, ids = 0.0, []
    for number, value in fields(text):
        if number == 1:
            (c,) = struct.unpack("<d", value)
        else:
            at = 0
            while at < len(value):
                at, one = varint(value, at)
                ids.append(one)
    return c, ids


def scan(text, room):
    """Read with arrays of so many places, which are emptied or doubled when they are full."""
    state = np.zeros(wire.STATE_SIZE, dtype=np.int64)
    state[[wire.KIND, wire.VERSION_AT]] = -1
    terms, ids, status = [], np.empty(room, dtype=np.int64), wire.FULL
    bits, stop = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    entries, initial = np.empty((room, 2), dtype=np.int64), {}
    while status == wire.FULL:
        status = wire.scan_message(
            np.frombuffer(bytearray(text), dtype=np.uint8), len(text), state, bits, stop, ids, entries
        )
        count, named = state[[wire.TERMS, wire.INITIALS]]
        if status == wire.FULL and not count and not named:
            ids = np.empty(2 * ids.size, dtype=np.int64)
        begins = [0, *stop[:count].tolist()]
        listed = ids.tolist()
        terms += [(c, listed[begins[t] : begins[t + 1]]) for t, c in enumerate(bits[:count].view(np.float64).tolist())]
        initial |= dict(entries[:named].tolist())
        state[[wire.TERMS, wire.IDS, wire.INITIALS]] = 0
    return status, terms, initial, state


TERMS = st.lists(st.tuples(st.floats(allow_nan=False), st.lists(st.integers(0, 2**63 - 1), max_size=4)), max_size=6)


@given(
    terms=TERMS, room=st.integers(1, 9), initial=st.dictionaries(st.integers(0, 2**63 - 1), st.sampled_from([-1, 0, 1]))
)
def test_terms_are_those_of_the_fields(terms, room, initial):
    text = message(*((c, *ids) for c, ids in terms), initial=initial, name="n")
    status, read, named, state = scan(text, room)
    assert status == wire.DONE
    assert read == list(naive_terms(text)) == terms
    assert named == initial
    assert state[wire.KIND] == 1
    assert text[state[wire.VERSION_AT] : state[wire.VERSION_END]] == b"1.0"


@given(text=st.binary(max_size=80), place=st.integers(0, 60))
def test_no_text_leads_out_of_the_arrays(text, place):
    good = message((1.5, 3, 300), initial={7: -1})
    for each in (text, good[:place] + text, field(1, text), field(1, field(3, text)), field(1, field(4, text))):
        status, read, _, state = scan(each, 2)
        assert status in {wire.DONE, wire.MALFORMED, wire.NEGATIVE_ID, wire.ODD_KEY}
        assert 0 <= state[wire.WHERE] <= len(each)
        assert all(0 <= i < 2**63 for _, ids in read for i in ids)
