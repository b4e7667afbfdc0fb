"""Small inputs that ask for much: gzip bombs, a million brackets, huge counts and numbers, one key again and again."""

import gzip
import json
import subprocess
import sys
import tracemalloc
import zlib

import pytest

from tests.fuzz.campaign import INPUT_S_MAX, judged
from tests.fuzz.formats import FORMATS

MIB = 1 << 20
CAP_BYTES = 8 * MIB
GIB_10 = 10_000 * MIB

# Reads in a process of its own, and prints by how much its resident memory has grown at most.
READER = """
import resource, sys
from kyanite.errors import ProviderError
from kyanite_providers.local.frames import Source
from kyanite_providers.local.inflate import opened

def resident_max():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

path, cap = sys.argv[1], int(sys.argv[2])
before = resident_max()
try:
    with opened(Source("", path=path), cap) as plain:
        sum(map(len, plain))
except ProviderError as error:
    print(resident_max() - before, error.error.message)
"""


def one_member(path, size):
    """Write a gzip stream that inflates to so many zeros (in MiB): the same block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    head = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(head + block * (size // MIB - 1) + packer.flush())


def many_members(path, size):
    """Write the same as one gzip member after the other."""
    path.write_bytes(gzip.compress(bytes(MIB), 9) * (size // MIB))


@pytest.mark.parametrize("write", [one_member, many_members])
def test_ten_gigabytes_of_zeros_in_ten_megabytes_take_no_more_than_the_cap(tmp_path, write):
    write(tmp_path / "bomb", GIB_10)
    assert 8 * MIB < (tmp_path / "bomb").stat().st_size < 12 * MIB
    command = [sys.executable, "-c", READER, str(tmp_path / "bomb"), str(CAP_BYTES)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    grown, _, message = told.partition(" ")
    assert message.startswith(f"AZQ105: the input is larger than {CAP_BYTES} bytes when inflated")
    assert int(grown) <= CAP_BYTES + MIB


JSON = {
    "brackets": b"[" * MIB,
    "closed brackets": b"[" * MIB + b"]" * MIB,
    "braces": b'{"a":' * (MIB // 5),
    "nested where it is allowed": b'{"cost_function":{"terms":' + b"[" * MIB,
    "number": b"1" * MIB,
    "fraction": b"0." + b"1" * MIB,
    "exponent": b"1e" + b"9" * MIB,
    "one key": b'{"a":1' + b',"a":1' * 100_000 + b"}",
    "cost functions": b'{"cost_function":0' + b',"cost_function":{"type":"ising"}' * 30_000 + b"}",
    "text": b'"' + b"\\u0000" * (MIB // 6) + b'"',
    "half a text": b'"' + b"a" * MIB,
    "surrogates": b'"' + b"\\ud800" * (MIB // 6) + b'"',
    "spaces": b" " * MIB,
    "zeros": bytes(MIB),
    "high bytes": b"\xff" * MIB,
}
MSGPACK = {
    "arrays": b"\x91" * MIB,
    "maps": b"\x81\xa1a" * (MIB // 3),
    **{
        f"{kind} in {field}": b"\x82\xa4type"
        + bytes([0xA0 + len(tag)])
        + tag
        + bytes([0xA0 + len(field)])
        + field
        + count
        for tag, field in ((b"Solved", b"convergence"), (b"Refused", b"details"), (b"Run", b"parameters"))
        for kind, count in (
            ("array", b"\xdd\xff\xff\xff\xff"),
            ("map", b"\xdf\xff\xff\xff\xff"),
            ("bin", b"\xc6\xff\xff\xff\xff"),
        )
    },
}
TEXT = {
    "letters": b"a" * 10 * MIB,
    "parts": b"a/" * 5 * MIB,
    "dots": b"../" * 3 * MIB,
    "escapes": b"%2e" * 3 * MIB,
    "marks": "e\u0301\u0327".encode() * MIB,
    "digits": b"9" * MIB + b"d",
}
TOML = {
    "dotted key": b"a" + b".a" * 200_000 + b" = 1",
    "dotted key with spaces": b"a" + b" . 'a'" * 100_000 + b" = 1",
    "dotted table": b"[a" + b".a" * 200_000 + b"]",
    "table": b"[" * MIB,
    "array": b"a = " + b"[" * MIB,
    "closed array": b"providers.a.b = " + b"[" * 100_000 + b"]" * 100_000,
    "inline tables": b"a = " + b"{a=" * 200_000,
    "number": b"limits.gpus = " + b"1" * (MIB // 4),
    "hexadecimal number": b"providers.a.b = 0x" + b"f" * 20_000,
    "letters": b"a" * MIB,
    "text": b"data_dir = '" + b"a" * MIB,
}
WITH_TEXT = {"uris": TEXT, "moments": TEXT, "toml": TOML}
CASES = [
    *(
        (name, what, content)
        for name, kind in FORMATS.items()
        if name not in WITH_TEXT
        for what, content in JSON.items()
    ),
    *((name, what, content) for name in ("requests", "replies") for what, content in MSGPACK.items()),
    *((name, what, content) for name, inputs in WITH_TEXT.items() for what, content in inputs.items()),
]


@pytest.mark.parametrize(
    ("name", "what", "content"), [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in CASES]
)
def test_little_that_asks_for_much_is_answered_soon(name, what, content):
    if name in {"parameters", "environment", "arguments", "envelopes"}:
        content = _carried(name, content)
    elif name == "results":
        content = b"\0" + content
    wrong, _, spent_s = judged(name, content)
    assert wrong is None
    assert min(spent_s, judged(name, content)[2]) < INPUT_S_MAX
    tracemalloc.start()
    try:
        judged(name, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB


def _carried(name, content):
    """What these readers are given is a value already: here, a text."""
    # One argument and one variable are at most 128 KiB long.
    text = content[: 127 * 1024].decode(errors="surrogateescape")
    return {
        "parameters": lambda: json.dumps(
            {
                "target": "microsoft.simulatedannealing.cpu",
                "input_params": {"params": {text[:1000]: 1, "seed": text[:9000]}},
            }
        ),
        "environment": lambda: json.dumps({"KYANITE_PROVIDERS__A__B": text}),
        "arguments": lambda: json.dumps([f"name={text}"]),
        "envelopes": lambda: json.dumps({"field": "input_params", "value": {"a": text}}),
    }[name]().encode()
