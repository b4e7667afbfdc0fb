"""Every format that is read: how a valid input is changed, what reads it, and which error is documented."""

import json
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import click
import msgspec

from kyanite.blobs.keys import SCHEME, key_of, safe_key, uri_of
from kyanite.cli.filters import moment
from kyanite.cli.submission import parameter
from kyanite.config import resolve
from kyanite.core.events import decode_details, decode_event, encode_details, encode_event
from kyanite.errors import BlobCorrupt, ConfigError, InvalidRequest, KyaniteError, ProviderError, StoreCorrupt
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.signing import Refused
from kyanite.optimization import Problem
from kyanite.runtime import envelope
from kyanite.runtime.job import decode_results
from kyanite.stores.seam import readable
from kyanite_providers.local import frames
from kyanite_providers.local.input_params import read_parameters
from kyanite_providers.local.problem import read_problem
from kyanite_providers.local.qio import read_long_qio, read_qio
from tests.fuzz import corpora, wire_corpora, wire_readers
from tests.fuzz.mutation import MSGPACK_TOKENS, WHOLE_TOKENS, damaged, mutated, respelt, zipped
from tests.providers.local.messages import archive

INFLATED_MAX_BYTES = 1 << 20
MESSAGE_MAX = 2_000
FOLDER = tempfile.TemporaryDirectory(prefix="kyanite-fuzz-")


class Format(NamedTuple):
    """`change` makes an input, `read` reads one, and what it raises is `documented`; `share` is of the budget."""

    change: Callable[[Random], bytes]
    read: Callable[[bytes], object]
    documented: tuple[type[Exception], ...]
    share: int


def complaint(kind: Format, error: BaseException) -> str | None:
    """Say what is wrong with an error: nothing, if it is one that callers were told of."""
    if not isinstance(error, kind.documented):
        return f"{type(error).__name__} is not documented"
    if isinstance(error, ProviderError) and not re.match(r"AZQ10[2-57]: ", error.error.message):
        return f"the message {error.error.message[:80]!r} has no code"
    if isinstance(error, KyaniteError) and len(str(error)) > MESSAGE_MAX:
        return f"the message has {len(str(error)):,} characters"
    return None


# Changing ------------------------------------------------------------------------------------------------------------


def _json(samples, random):
    content = msgspec.json.encode(mutated(msgspec.json.decode(random.choice(samples)), random))
    return damaged(content, random) if random.random() < 0.2 else content


def _json_or_gzip(samples, random):
    content = _json(samples, random)
    return zipped(content, random) if random.random() < 0.2 else content


def _tar(samples, random):
    """Damage a message inside of an archive that is whole, or else the archive, or its compressed form."""
    messages = list(random.choice(samples))
    choice = random.random()
    if choice < 0.7:
        at = random.randrange(len(messages))
        for _ in range(random.randint(1, 3)):
            messages[at] = damaged(messages[at], random)
    content = archive(*messages)
    if choice < 0.8:
        return content
    return zipped(content, random) if choice < 0.9 else damaged(content, random)


def _value(samples, random):
    return msgspec.json.encode(mutated(msgspec.json.decode(random.choice(samples)), random, WHOLE_TOKENS))


def _msgpack(samples, random):
    sample = random.choice(samples)
    try:
        content = msgspec.msgpack.encode(mutated(msgspec.msgpack.decode(sample), random, MSGPACK_TOKENS))
    except OverflowError:  # a number beyond 64 bits can not be written
        return damaged(sample, random)
    return damaged(content, random) if random.random() < 0.3 else content


def _typed(samples, random):
    return random.randbytes(1) + _json_or_gzip(samples, random)


def _cut(samples, random):
    return random.randbytes(1) + _json(samples, random)


def _text(samples, random):
    return respelt(random.choice(samples), random).encode("utf-8", "surrogatepass")


def _texts(samples, random):
    """Respell one of the texts in a list, or a name or value of a mapping; Python writes it, which knows surrogates."""
    given = random.choice(samples)
    if isinstance(given, list):
        at = random.randrange(len(given))
        return json.dumps([*given[:at], respelt(given[at], random), *given[at + 1 :]]).encode()
    name = random.choice(list(given))
    changed = dict(given)
    text = changed.pop(name)
    if random.random() < 0.4:
        changed[respelt(name, random)] = text
    else:
        literal = random.choice(WHOLE_TOKENS).decode()
        changed[name] = literal if random.random() < 0.2 else respelt(text, random)
    return json.dumps(changed).encode()


def _mostly(change, samples, random):
    """Change a sample, but for one in ten: where next to nothing that is changed is still valid."""
    sample = random.choice(samples)
    if random.random() > 0.1:
        return change((sample,), random)
    if isinstance(sample, bytes):
        return sample
    return (sample if isinstance(sample, str) else json.dumps(sample)).encode()


_TOML_VALUES = (
    *(
        "nan",
        "-inf",
        "1e308",
        "1e999",
        "0x" + "f" * 5_000,
        "1" * 5_000,
        "-1",
        "0",
        "''",
        '"""',
        "[]",
        "{}",
        "{",
        "1979-05-27",
    ),
    *(
        "07:32:00",
        "9999-99-99",
        '"\\ud800"',
        '"\\U00110000"',
        "[" * 2_000,
        "[" * 200 + "]" * 200,
        "{a=" * 500,
        "true",
        "1_0",
    ),
    *("{ env = 'X' }", "{ env = 'X', file = 'y' }", "{ file = '' }", "'https://u:p@host/?sig=1'", '"\0"', "0o17", "+1"),
)


def _toml(random):
    lines = corpora.TOML.splitlines()
    at = random.randrange(len(lines))
    name = lines[at].partition("=")[0]
    match random.randrange(6):
        case 0:
            lines[at] = f"{name}= {random.choice(_TOML_VALUES)}"
        case 1:
            lines[at] = respelt(lines[at], random)
        case 2:
            del lines[at]
        case 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 4:
            lines[at] = f"{name.strip() or 'a'}.{'.'.join('abc')} = 1"
        case _:
            lines[at] = f"{respelt(name, random)}= {random.choice(_TOML_VALUES)}"
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return damaged(content, random) if random.random() < 0.1 else content


# Reading -------------------------------------------------------------------------------------------------------------


def _read_qio(content):
    problem = read_problem(frames.Source("", content=content), INFLATED_MAX_BYTES)
    assert (problem.ids[1:] > problem.ids[:-1]).all()
    assert problem.variable.size == problem.start[-1]
    assert not problem.variable.size or 0 <= problem.variable.min() <= problem.variable.max() < problem.ids.size


def _read_parameters(content):
    given = json.loads(content)
    if not isinstance(given, dict) or given.get("target") not in _TARGETS:
        return  # the registry knows no such target
    params = envelope.checked_json("input_params", given.get("input_params"), envelope.PARAMS_BYTES_MAX)
    read_parameters(given["target"], params, envelope.checked_timeout(given.get("timeout_s")))


def _read_long_qio(content):
    """Read as a long input is: in pieces, by the compiled scanner; the outcome must be that of reading it at once."""
    # Small pieces of what is short, and never so many that cutting is what takes the time.
    length = max(1 + content[0] % 64, len(content) // 4096)
    pieces = [content[at : at + length] for at in range(1, len(content), length)]
    try:
        expected = read_qio(content[1:])
    except ProviderError:
        read_long_qio(pieces)
        raise AssertionError("read in pieces, it is taken") from None
    wire = read_long_qio(pieces)
    assert (wire.kind, wire.initial) == (expected.kind, expected.initial)
    for one, other in zip(wire.products, expected.products, strict=True):
        assert (one == other).all()


_TARGETS = [each["target"] for each in corpora.PARAMETERS]


def _read_problem(content):
    problem = Problem.deserialize(content)
    problem.serialize()


def _read_toml(content):
    path = Path(FOLDER.name) / "fuzz.toml"
    path.write_bytes(content)
    resolved = resolve(path, environ={})
    assert len(resolved.rows()) > 20
    shown = resolved.toml()
    if len(content) % 8 == 0:
        path.write_text(shown, encoding="utf-8")
        resolve(path, environ={})


def _read_environment(content):
    resolved = resolve(environ=json.loads(content))
    assert "[limits]" in resolved.toml()


def _read_event(content):
    event = readable(decode_event, content.decode(errors="replace"), 7)
    assert decode_event(encode_event(event), 7) == event


def _read_row(content):
    details = readable(decode_details, content.decode(errors="replace"))
    assert decode_details(encode_details(details)) == details


def _read_frame(read, content):
    received = bytearray(len(content).to_bytes(4, "little") + content)
    read(frames.take_frame(received))
    assert not received


def _read_results(content):
    decode_results(content[1:], corpora.CONTENT_TYPES[content[0] % len(corpora.CONTENT_TYPES)])


def _read_arguments(content):
    for name in (params := parameter(None, None, tuple(json.loads(content)))):
        assert name
    if all(isinstance(value, str) for value in params.values()):
        moment(None, None, next(iter(params.values()), None))


def _read_moment(content):
    assert moment(None, None, content.decode("utf-8", "surrogateescape")).tzinfo is not None


def _read_uri(content):
    uri = SCHEME + content.decode("utf-8", "surrogatepass")
    key = key_of(uri)
    assert uri_of(key) == uri
    assert safe_key(key) == key


_CHECKS = {
    "job_id": envelope.checked_job_id,
    "name": partial(envelope.text_or, None, "name"),
    "tags": envelope.checked_tags,
    "input_params": partial(envelope.checked_json, "input_params", bytes_max=envelope.PARAMS_BYTES_MAX),
    "metadata": partial(envelope.checked_mapping, "metadata", bytes_max=envelope.METADATA_BYTES_MAX),
    "priority": envelope.checked_priority,
    "timeout_s": envelope.checked_timeout,
    "attempts_max": envelope.checked_attempts,
}


def _read_envelope(content):
    given = json.loads(content)
    if not isinstance(given, dict) or not isinstance(given.get("field"), str) or given["field"] not in _CHECKS:
        return
    kept = _CHECKS[given["field"]](given.get("value"))
    if given["field"] == "job_id":
        safe_key(f"default/job-{kept}/inputData")
    assert msgspec.json.decode(msgspec.json.encode(kept)) == (list(kept) if isinstance(kept, tuple) else kept)


def _encoded(samples, encode=msgspec.json.encode):
    return tuple(map(encode, samples))


_PROVIDER = (ProviderError,)
_PROBLEMS = _encoded(corpora.PROBLEMS)
_REQUESTS, _REPLIES = (_encoded(each, msgspec.msgpack.encode) for each in (corpora.REQUESTS, corpora.REPLIES))
_ESCAPED = tuple(uri_of(key).removeprefix(SCHEME) for key in corpora.KEYS)

FORMATS = {
    "qio": Format(partial(_json_or_gzip, _PROBLEMS), _read_qio, _PROVIDER, 30),
    "qio-pieces": Format(partial(_cut, _PROBLEMS), _read_long_qio, _PROVIDER, 10),
    "qio-protobuf": Format(partial(_tar, corpora.MESSAGES), _read_qio, _PROVIDER, 10),
    "parameters": Format(
        partial(_value, _encoded(corpora.PARAMETERS)), _read_parameters, (ProviderError, InvalidRequest), 10
    ),
    "optimization": Format(
        partial(_json_or_gzip, _PROBLEMS), _read_problem, (ValueError, KeyError, RuntimeError, TypeError), 10
    ),
    "toml": Format(_toml, _read_toml, (ConfigError,), 5),
    "environment": Format(partial(_texts, corpora.ENVIRONMENTS), _read_environment, (ConfigError,), 5),
    "events": Format(partial(_json, _encoded(corpora.EVENTS)), _read_event, (StoreCorrupt,), 8),
    "rows": Format(partial(_json, _encoded([corpora.DETAILS])), _read_row, (StoreCorrupt,), 4),
    "requests": Format(partial(_msgpack, _REQUESTS), partial(_read_frame, frames.read_request), (ValueError,), 4),
    "replies": Format(partial(_msgpack, _REPLIES), partial(_read_frame, frames.read_reply), (ValueError,), 6),
    "results": Format(partial(_typed, _encoded(corpora.RESULTS)), _read_results, (BlobCorrupt,), 6),
    "arguments": Format(partial(_texts, corpora.ARGUMENTS), _read_arguments, (click.BadParameter,), 3),
    "moments": Format(partial(_mostly, _text, corpora.MOMENTS), _read_moment, (click.BadParameter,), 2),
    "uris": Format(partial(_text, _ESCAPED), _read_uri, (InvalidRequest,), 3),
    "envelopes": Format(partial(_value, _encoded(corpora.ENVELOPES)), _read_envelope, (InvalidRequest,), 4),
    "filters": Format(partial(_texts, wire_corpora.FILTERS), wire_readers.read_filter, (InvalidRequest,), 5),
    "pages": Format(partial(_texts, wire_corpora.PAGES), wire_readers.read_page, (InvalidRequest,), 3),
    "bodies": Format(partial(_json, _encoded(wire_corpora.BODIES)), wire_readers.read_body, (InvalidRequest,), 5),
    "patches": Format(partial(_json, _encoded(wire_corpora.PATCHES)), wire_readers.read_patch, (InvalidRequest,), 3),
    "addresses": Format(
        partial(_mostly, _text, wire_corpora.ADDRESSES), wire_readers.read_address, (PermissionError,), 4
    ),
    "hosts": Format(partial(_mostly, _text, wire_corpora.HOSTS), wire_readers.read_host, (PermissionError,), 2),
    "ranges": Format(partial(_texts, wire_corpora.RANGES), wire_readers.read_range, (Fault,), 3),
    "block lists": Format(partial(_mostly, _text, wire_corpora.BLOCK_LISTS), wire_readers.read_block_list, (Fault,), 4),
    "signatures": Format(partial(_mostly, _texts, wire_corpora.QUERIES), wire_readers.read_query, (Refused,), 3),
    "key files": Format(
        partial(_mostly, _json, _encoded(wire_corpora.KEY_FILES)), wire_readers.read_key_file, (ConfigError,), 3
    ),
    "credentials": Format(
        partial(_mostly, _texts, wire_corpora.CREDENTIALS), wire_readers.read_credentials, (PermissionError,), 3
    ),
}


def made(name: str, seed: int, number: int) -> bytes:
    """Return the input of this number: the same one always."""
    return FORMATS[name].change(Random(f"{name} {seed} {number}"))
