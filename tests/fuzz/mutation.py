"""Turns what is valid into what is nearly so: values by their structure, text by its parts, bytes by their place."""

import gzip
import zlib
from copy import deepcopy
from random import Random

import msgspec
from msgspec import Raw

EDITS_MAX = 3

SCALARS = (
    *(None, True, False, "", " ", "0", "-1", "\0", "\x7f", "\u2028", "é", "e\u0301", "\U0001f4a9", "a" * 300, "NaN"),
    *(0, 1, -1, 2, 7, 255, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
    *(0.5, -0.0, 1e-320, 1e308, -1e308, 1.7976931348623157e308, 5e-324, 1.0, 1e16),
    *([], {}, [[]], [{}], {"": None}, {"a": 1}, {"env": "NAME"}, [None] * 5, list(range(40))),
)
TOKENS = (
    *(b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e400", b"00", b"-", b"1.", b".5", b"+1", b"0x10"),
    *(b"1" * 400, b"1" * 5_000, b"-" + b"9" * 19, b"0." + b"0" * 400 + b"1", b"1" + b"0" * 308, b"1E+308", b"1_0"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff"', b'"\xed\xa0\x80"', b'"\\x"', b"'a'"),
    *(b"[1,]", b"[,]", b"{,}", b"[" * 2_000, b'{"a":' * 2_000, b"[" * 500 + b"]" * 500, b"true false", b"/* */1", b""),
    *(b'{"a":1,"a":2}', b'{"a":[],"a":{}}', b'{"\\ud800":1}', b'{"":1,"":1}', b'{"c":1,"c":null,"ids":[0],"ids":0}'),
)
WHOLE_TOKENS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1e308", b"1" * 400, b"-" + b"9" * 30, b'"\\ud800"', b'"\\u0000"'),
    *(b"[" * 200 + b"]" * 200, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"a":1,"a":2}', b'{"\\ud800":1}', b"1" * 4_000),
)
"""What Python's own reader takes, so that a value can be made of it."""
MSGPACK_TOKENS = (
    *(b"", b"\xc1", b"\xc0", b"\xcb\x7f\xf8" + b"\0" * 6, b"\xcb\x7f\xf0" + b"\0" * 6, b"\xcf" + b"\xff" * 8),
    *(b"\xd3\x80" + b"\0" * 7, b"\xdd" + b"\xff" * 4, b"\xdf" + b"\xff" * 4, b"\xdb" + b"\xff" * 4),
    *(b"\xc6" + b"\xff" * 4, b"\xc9\xff\xff\xff\xff\x01", b"\xdd\x00\xff\xff\xff", b"\xdc\xff\xff"),
    *(b"\xa3\xed\xa0\x80", b"\xa1\xff", b"\x91" * 2_000, b"\x81\xa1a" * 2_000, b"\x82\xa1a\1\xa1a\2"),
    *(b"\xd6\xff\xff\xff\xff\xff", b"\x81\xc0\xc0", b"\x91" * 300 + b"\xc0"),
)
PARTS = (
    *("..", ".", "/", "//", "\\", "%2e", "%2E%2e", "%2f", "%00", "%", "%zz", "%ff", "%c0%ae", "\0", "\n", "\r", "\x1b"),
    *("\u2024", "\u2025", "\uff0e", "\uff0f", "\u2215", "\u2028", "\u202e", "\u200d", "\ufeff", "e\u0301", "é"),
    *("\u212b", "\x7f", "\ud800", "\udcff", "C:", "c:", "C:\\", "~", "~root", "-", "--", " ", ". ", "...", "NUL"),
    *("con", "a" * 255, "a" * 256, "é" * 130, "\U0001f4a9" * 70, "*", "?", "#", "&", ":", ";", "|", "'", '"', "`"),
    *("$(x)", "{", "}", "[", "]", "=", ",", "0", "job-", "kyanite:///", "file:///", "://", "default", "inputData"),
    *("objects", "tmp", "lock", "small.sqlite"),
)


def mutated(value, random: Random, tokens=TOKENS):
    """Return the value, which is changed itself, with one to three changes anywhere in it; a token stands as it is."""
    for _ in range(random.randint(1, EDITS_MAX)):
        value = _edited(value, random, tokens)
    return value


def _edited(value, random, tokens):
    at = _descended(value, random)
    if at is None:
        return _strange(value, random, tokens)
    place, key = at
    choice = random.random()
    if choice < 0.15:
        del place[key]
    elif choice < 0.25 and isinstance(place, dict):
        place[random.choice(("", key + " ", key.upper(), "c", "ids", "type", "params", "\u202e", "a" * 100))] = (
            place.pop(key)
        )
    elif choice < 0.35 and isinstance(place, list):
        place.insert(key, deepcopy(place[key]))
    elif choice < 0.4 and isinstance(place, dict):
        place[key] = _twice(key, place[key], random)
    else:
        place[key] = _strange(place[key], random, tokens)
    return value


def _descended(value, random):
    """Return a container inside the value, and a key of it; nothing where the value itself is to change."""
    place = None
    while isinstance(value, dict | list) and value:
        if place is not None and random.random() < 0.2:
            break
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        place, value = (value, key), value[key]
    return place


def _strange(value, random, tokens):
    choice = random.random()
    if choice < 0.45:
        return deepcopy(random.choice(SCALARS))
    if choice < 0.75:
        return Raw(random.choice(tokens))
    if choice < 0.85 and isinstance(value, int | float):
        return random.choice((value + 1, -value, value * 2, value / 3, value * 1e300, str(value)))
    if choice < 0.9:
        return [deepcopy(value)] if random.random() < 0.5 else {"c": deepcopy(value)}
    return random.choice((random.getrandbits(64), random.uniform(-1e9, 1e9), random.randbytes(3).hex()))


def _twice(key, value, random):
    """Return an object in which the key stands twice."""
    name = msgspec.json.encode(key)
    try:
        first, second = msgspec.json.encode(value), msgspec.json.encode(random.choice(SCALARS))
    except ValueError:
        first, second = b"1", b"2"
    return Raw(b"{" + name + b":" + first + b"," + name + b":" + second + b"}")


def damaged(content: bytes, random: Random) -> bytes:
    """Return the bytes cut short, with others in between, in another order, or with bits turned over."""
    if not content:
        return random.randbytes(random.randrange(8))
    at = random.randrange(len(content))
    head, tail = content[:at], content[at:]
    ways = (
        lambda: head,
        lambda: head + random.randbytes(random.randint(1, 4)) + tail,
        lambda: head + bytes([tail[0] ^ 1 << random.randrange(8)]) + tail[1:],
        lambda: head + tail[random.randint(1, 16) :],
        lambda: head + random.choice(TOKENS) + tail,
        lambda: content + tail,
    )
    return random.choice(ways)()


def zipped(content: bytes, random: Random) -> bytes:
    """Return the bytes as gzip: whole, in two members, with a wrong end, or damaged."""
    packed = gzip.compress(content, random.randrange(1, 10), mtime=0)
    match random.randrange(5):
        case 0:
            return packed
        case 1:
            half = len(content) // 2
            return gzip.compress(content[:half], 1, mtime=0) + gzip.compress(content[half:], 1, mtime=0)
        case 2:
            return packed[:-8] + zlib.crc32(b"else").to_bytes(4, "little") + packed[-4:]
        case 3:
            return packed + random.choice((b"\0" * 20, b"\x1f\x8b", b"trailer"))
        case _:
            return damaged(packed, random)


def respelt(text: str, random: Random) -> str:
    """Return the text with parts put in, replaced or removed."""
    result = text
    for _ in range(random.randint(1, EDITS_MAX)):
        at, end = sorted((random.randint(0, len(result)), random.randint(0, len(result))))
        part = random.choice(PARTS) if random.random() < 0.8 else chr(random.randrange(0x3000))
        match random.randrange(4):
            case 0:
                result = result[:at] + part + result[at:]
            case 1:
                result = result[:at] + part + result[end:]
            case 2:
                result = result[:at] + result[end:]
            case _:
                pieces = result.split("/")
                pieces[random.randrange(len(pieces))] = part
                result = "/".join(pieces)
    return result
