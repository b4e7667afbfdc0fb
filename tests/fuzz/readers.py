"""What reads the inputs of the library and of its local provider, and what must hold of those that it takes."""

import json
import tempfile
from functools import partial
from pathlib import Path

import msgspec

from kyanite.blobs.keys import SCHEME, key_of, safe_key, uri_of
from kyanite.cli.filters import moment
from kyanite.cli.submission import parameter
from kyanite.config import resolve
from kyanite.core.events import decode_details, decode_event, encode_details, encode_event
from kyanite.errors import ProviderError
from kyanite.optimization import Problem
from kyanite.runtime import envelope
from kyanite.runtime.job import decode_results
from kyanite.stores.seam import readable
from kyanite_providers.local import frames, input_params, qio
from kyanite_providers.local import problem as problems
from tests.fuzz import corpora

INFLATED_MAX_BYTES = 1 << 20
FOLDER = tempfile.TemporaryDirectory(prefix="kyanite-fuzz-")


def read_qio(content):
    problem = problems.read_problem(frames.Source("", content=content), INFLATED_MAX_BYTES)
    assert (problem.ids[1:] > problem.ids[:-1]).all()
    assert problem.variable.size == problem.start[-1]
    assert not problem.variable.size or 0 <= problem.variable.min() <= problem.variable.max() < problem.ids.size


def read_parameters(content):
    given = json.loads(content)
    if not isinstance(given, dict) or given.get("target") not in _TARGETS:
        return  # the registry knows no such target
    params = envelope.checked_json("input_params", given.get("input_params"), envelope.PARAMS_BYTES_MAX)
    input_params.read_parameters(given["target"], params, envelope.checked_timeout(given.get("timeout_s")))


def read_long_qio(content):
    """Read as a long input is: in pieces, by the compiled scanner; the outcome must be that of reading it at once."""
    # Small pieces of what is short, and never so many that cutting is what takes the time.
    length = max(1 + content[0] % 64, len(content) // 4096)
    pieces = [content[at : at + length] for at in range(1, len(content), length)]
    try:
        expected = qio.read_qio(content[1:])
    except ProviderError:
        qio.read_long_qio(pieces)
        raise AssertionError("read in pieces, it is taken") from None
    wire = qio.read_long_qio(pieces)
    assert (wire.kind, wire.initial) == (expected.kind, expected.initial)
    for one, other in zip(wire.products, expected.products, strict=True):
        assert (one == other).all()


_TARGETS = [each["target"] for each in corpora.PARAMETERS]


def read_problem(content):
    problem = Problem.deserialize(content)
    problem.serialize()


def read_toml(content):
    path = Path(FOLDER.name) / "fuzz.toml"
    path.write_bytes(content)
    resolved = resolve(path, environ={})
    assert len(resolved.rows()) > 20
    shown = resolved.toml()
    if len(content) % 8 == 0:
        path.write_text(shown, encoding="utf-8")
        resolve(path, environ={})


def read_environment(content):
    resolved = resolve(environ=json.loads(content))
    assert "[limits]" in resolved.toml()


def read_event(content):
    event = readable(decode_event, content.decode(errors="replace"), 7)
    assert decode_event(encode_event(event), 7) == event


def read_row(content):
    details = readable(decode_details, content.decode(errors="replace"))
    assert decode_details(encode_details(details)) == details


def read_frame(read, content):
    received = bytearray(len(content).to_bytes(4, "little") + content)
    read(frames.take_frame(received))
    assert not received


def read_results(content):
    decode_results(content[1:], corpora.CONTENT_TYPES[content[0] % len(corpora.CONTENT_TYPES)])


def read_arguments(content):
    for name in (params := parameter(None, None, tuple(json.loads(content)))):
        assert name
    if all(isinstance(value, str) for value in params.values()):
        moment(None, None, next(iter(params.values()), None))


def read_moment(content):
    assert moment(None, None, content.decode("utf-8", "surrogateescape")).tzinfo is not None


def read_uri(content):
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


def read_envelope(content):
    given = json.loads(content)
    if not isinstance(given, dict) or not isinstance(given.get("field"), str) or given["field"] not in _CHECKS:
        return
    kept = _CHECKS[given["field"]](given.get("value"))
    if given["field"] == "job_id":
        safe_key(f"default/job-{kept}/inputData")
    assert msgspec.json.decode(msgspec.json.encode(kept)) == (list(kept) if isinstance(kept, tuple) else kept)
