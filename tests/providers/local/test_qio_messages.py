import json
import math
import re
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ProviderError
from kyanite_providers.local import qio_messages
from kyanite_providers.local.frames import Source
from kyanite_providers.local.problem import read_problem
from kyanite_providers.local.qio import read_qio
from kyanite_providers.local.qio_messages import read_messages
from tests.providers.local.faketask import ising
from tests.providers.local.messages import archive, field, function, message, term, varint

LIMIT = 1 << 24


def read(*messages):
    return read_messages([archive(*messages)])


def assert_same(wire, problem):
    expected = read_qio(json.dumps(problem).encode())
    assert (wire.kind, wire.initial) == (expected.kind, expected.initial)
    for one, other in zip(wire.products, expected.products, strict=True):
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype
    assert wire.group_scale.size == wire.inner.coefficient.size == 0


IDS = st.integers(0, 300) | st.integers(0, 2**63 - 1)
TERMS = st.tuples(st.floats(allow_nan=False, allow_infinity=False) | st.just(0.0), st.lists(IDS, max_size=5))


@given(
    parts=st.lists(st.lists(TERMS, max_size=6), min_size=1, max_size=4),
    kind=st.sampled_from(["pubo", "ising"]),
    room=st.integers(1, 5),
    length=st.integers(1, 3000),
)
def test_messages_say_what_the_json_says(parts, kind, room, length):
    parts[0].insert(0, (1.0, [7]))
    terms = [[(c, *ids) for c, ids in part] for part in parts]
    first = message(*terms[0], kind=int(kind == "ising"), name="a problem")
    content = archive(first, *(message(*part, kind=0, version=None) for part in terms[1:]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qio_messages, "_ROOM", room)
        wire = read_messages(content[at : at + length] for at in range(0, len(content), length))
    assert_same(wire, ising(*(each for part in terms for each in part), kind=kind))


def test_initial_configuration_is_read():
    wire = read(message((1, 0, 5), initial={0: -1, 5: 1}), message(kind=0, version=None, initial={0: 1}))
    assert wire.initial == {0: 1, 5: 1}
    assert read(message((1, 0), kind=0, initial={0: 0})).initial == {0: 0}


def test_what_protobuf_allows_is_read():
    unpacked = field(2, 3) + field(1, 2.0) + field(2, varint(4) + varint(300)) + field(2, 5)
    unknown = field(9, 7) + field(10, b"bytes") + field(11, 1.5) + varint(12 << 3 | 5) + b"1234"
    parts = field(1, unknown + field(1, 0) + field(3, unknown + unpacked)) + unknown + field(1, field(2, "1.1"))
    twice = field(1, field(2, "2.0") + field(3, field(1, 1.0) + field(1, -3.0)) + field(1, 1)) + field(1, b"")
    assert_same(read(parts + twice, b"", field(1, field(2, "1.0"))), ising((2, 3, 4, 300, 5), (-3,)))


def fault(content):
    with pytest.raises(ProviderError) as caught:
        read_problem(Source("", content=content), LIMIT)
    assert caught.value.error.code == "InvalidInputData"
    assert len(caught.value.error.message) < 400
    return caught.value.error


GOOD = field(3, term(1, 0))
FAULTS = {
    "no message": (archive(), "AZQ102", "cost_function.version"),
    "an empty message": (archive(b""), "AZQ102", "cost_function.version"),
    "no terms": (archive(message()), "AZQ102", "cost_function.terms"),
    "no version": (archive(message((1, 0), version=None)), "AZQ102", "cost_function.version"),
    "unknown version": (archive(message((1, 0), version="2.0" * 99)), "AZQ103", "cost_function.version"),
    "softspin": (archive(message((1, 0), kind=3)), "AZQ103", "cost_function.type"),
    "unknown type": (archive(message((1, 0), kind=2**31)), "AZQ103", "cost_function.type"),
    "negative type": (archive(message((1, 0), kind=-1)), "AZQ103", "cost_function.type"),
    "id negative": (archive(message((1, 0), (1, 3, 4, -1))), "AZQ103", "cost_function.terms[1].ids[2]"),
    "id negative later": (
        archive(message((1, 0), (1, 3)), message((1, 3, -7))),
        "AZQ103",
        "cost_function.terms[2].ids[1]",
    ),
    "c NaN": (archive(message((1, 0)), message((1, 1), (math.nan, 0))), "AZQ103", "cost_function.terms[2].c"),
    "c -Infinity": (archive(message((-math.inf, 0))), "AZQ103", "cost_function.terms[0].c"),
    "initial value of another type": (
        archive(message((1, 0), initial={0: 0})),
        "AZQ104",
        "cost_function.initial_configuration.0",
    ),
    "initial id no number": (
        archive(message((1, 0), initial={"x": 1})),
        "AZQ104",
        "cost_function.initial_configuration",
    ),
    "initial id with a zero in front": (
        archive(message((1, 0), initial={"00": 1})),
        "AZQ104",
        "cost_function.initial_configuration",
    ),
    "initial id beyond int64": (
        archive(message((1, 0), initial={2**63: 1})),
        "AZQ104",
        "cost_function.initial_configuration",
    ),
    "initial id missing": (
        archive(message((1, 0)) + field(1, field(4, field(2, 1)))),
        "AZQ104",
        "cost_function.initial_configuration",
    ),
    "initial id unknown": (
        archive(message((1, 0), initial={3: 1})),
        "AZQ104",
        "cost_function.initial_configuration.3",
    ),
    "text": (archive(b"hello, world"), "AZQ105", None),
    "a length too long": (archive(field(1, GOOD)[:-1]), "AZQ105", None),
    "a huge length": (archive(varint(1 << 3 | 2) + varint(2**64 - 1)), "AZQ105", None),
    "a term too long": (archive(field(1, varint(3 << 3 | 2) + varint(99) + b"12")), "AZQ105", None),
    "half a double": (archive(field(1, field(3, varint(1 << 3 | 1) + b"1234"))), "AZQ105", None),
    "half a varint": (archive(field(1, field(3, field(2, b"\x80")))), "AZQ105", None),
    "a varint of 11 bytes": (archive(field(1, field(3, field(2, b"\xff" * 10 + b"\x01")))), "AZQ105", None),
    "a varint of 65 bits": (archive(field(1, field(3, field(2, b"\xff" * 9 + b"\x02")))), "AZQ105", None),
    "field 0": (archive(b"\x00\x00"), "AZQ105", None),
    "a group": (archive(varint(9 << 3 | 3) + varint(9 << 3 | 4)), "AZQ105", None),
    "no such wire type": (archive(varint(9 << 3 | 6) + b"12345678"), "AZQ105", None),
}


@pytest.mark.parametrize(("content", "azq", "target"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_refused_by_name(content, azq, target):
    error = fault(content)
    assert error.message.startswith(azq + ": ")
    assert error.target == target


@given(content=st.binary(max_size=60), place=st.integers(0, 200), bit=st.integers(0, 7))
def test_whatever_a_message_holds_is_read_or_refused(content, place, bit):
    whole = bytearray(message((1, 0, 300), (-2.5, 2**40), initial={0: 1}, name="n") + content)
    whole[place % len(whole)] ^= 1 << bit
    for each in (bytes(whole), content):
        assert re.match(r"AZQ10[2-5]: |read ", outcome(each))


def outcome(content):
    try:
        wire = read(content)
    except ProviderError as error:
        return error.error.message
    return f"read {wire.products.ids[: wire.products.start[-1]].size}"


def test_compressed_archive_becomes_the_problem_that_json_becomes():
    terms = [(k / 7 - 3, k, k * k % 999 + 1000) for k in range(3000)]
    parts = [message(*terms[:1000], name="x")]
    parts += [message(*terms[at : at + 1000], kind=0, version=None) for at in (1000, 2000)]
    sent = read_problem(Source("", content=archive(*parts, mode="w:gz")), LIMIT)
    expected = read_problem(Source("", content=json.dumps(ising(*terms)).encode()), LIMIT)
    for name in ("ids", "coefficient", "start", "variable"):
        assert (getattr(sent, name) == getattr(expected, name)).all()
    assert sent.inflated_bytes == len(archive(*parts))


SDK_WRITES = """
import json, sys
from azure.quantum.job.base_job import ContentType
from azure.quantum.optimization import Problem, ProblemType, Term
kind, terms = json.load(sys.stdin)
terms = [Term(c=c, indices=ids) for c, *ids in terms]
problem = Problem("a problem", terms, problem_type=ProblemType[kind], content_type=ContentType.protobuf)
sys.stdout.buffer.write(problem.to_blob())
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["ising", "pubo"])
def test_what_the_sdk_writes_is_read(qio_sdk, kind):
    terms = [
        (0, 1),
        (4,),
        (-1.5, 0, 300, 2**40),
        *((struct.unpack("<f", struct.pack("<I", k))[0], k) for k in range(997)),
    ]
    sent = json.dumps([kind, terms])
    done = subprocess.run([qio_sdk, "-c", SDK_WRITES], input=sent.encode(), capture_output=True, check=True)
    problem = read_problem(Source("", content=done.stdout), LIMIT)
    expected = read_problem(Source("", content=json.dumps(ising(*terms, kind=kind)).encode()), LIMIT)
    assert problem.kind == kind
    for name in ("ids", "coefficient", "start", "variable"):
        assert (getattr(problem, name) == getattr(expected, name)).all()
    parts = [message(*terms, kind=int(kind == "ising"), name="a problem")]
    assert_same(read(*parts), ising(*terms, kind=kind))


def test_a_long_term_makes_room(monkeypatch):
    monkeypatch.setattr(qio_messages, "_ROOM", 1)
    ids = list(range(1000))
    assert_same(read(message((1, 0), (2, *ids), (3, 9))), ising((1, 0), (2, *ids), (3, 9)))
    assert function((1, 0)) in message((1, 0))
