"""What the campaigns and canaries have found, each by the smallest input that showed it."""

import io
import json
import logging

import click
import msgspec
import pytest

from kyanite import ProviderError, logs
from kyanite.blobs.keys import key_of
from kyanite.cli.exits import Stop
from kyanite.cli.input import check_problem
from kyanite.cli.submission import parameter
from kyanite.config import load, resolve
from kyanite.core.events import decode_details
from kyanite.errors import BlobCorrupt, ConfigError, InvalidRequest, StoreCorrupt
from kyanite.http.keys import Keys
from kyanite.optimization import Problem
from kyanite.runtime.envelope import DEPTH_MAX, PARAMS_BYTES_MAX, checked_json
from kyanite.runtime.job import decode_results
from kyanite.runtime.runner import error_data
from kyanite.stores.seam import readable
from kyanite_providers.local.control import FRACTION, SWEEP, ControlBlock
from kyanite_providers.local.frames import FRAME_BYTES_MAX, take_frame
from kyanite_providers.local.qio import read_qio
from tests.runtime.places import in_memory, with_echo

SIGNED = "https://me:hunter22@example.com/in?sv=1&sig=abcdef"


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_a_number_that_is_none_beside_text_that_is_none():
    text = b'{"cost_function":{"version":"1.0","type":"ising","terms":[{"c":NaN,"ids":[0]}],'
    with pytest.raises(ProviderError, match="AZQ105"):
        read_qio(text + b'"initial_configuration":{"\xff":1}}}')


@pytest.mark.parametrize(
    "text",
    [
        b'{"cost_function":[]}',
        b'{"cost_function":{"type":"ising","terms":[1]}}',
        b'{"metadata":[1],"cost_function":{"type":"ising"}}',
        b'{"cost_function":{"type":"ising","terms":[{"c":[],"ids":[]}]}}',
        b'{"cost_function":{"type":"ising","initial_configuration":5}}',
        b"[" * 100_000,
        b"\x1f\x8b\x00",
        b"\x1f\x8b\x08\x00 damaged",
    ],
)
def test_what_is_no_problem_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"problem|configuration|gzip|deeply"):
        Problem.deserialize(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("data_dir = " + "[" * 10_000, "nested too deeply"),
        ("limits.gpus = " + "1" * 5_000, "4300 digits"),
        ("providers" + ".a" * 50_000 + " = 1", "more than 32 parts"),
        ("limits.cores = 0x" + "f" * 5_000, "must be a number"),
    ],
)
def test_a_file_that_python_can_not_read_is_a_configuration_error(tmp_path, text, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem) as refused:
        load(path)
    assert str(path) in str(refused.value)


def test_odd_variables_are_configuration_errors():
    for variable, value in (("LIMITS__CORES", "\udcff"), ("CONFIG", "\0"), ("CONFIG", "~nobody-of-that-name/x")):
        with pytest.raises(ConfigError):
            resolve(environ={f"KYANITE_{variable}": value})
    for value in ("[" * 10_000, "1" * 5_000):
        assert resolve(environ={"KYANITE_PROVIDERS__A__B": value}).settings.providers == {"a": {"b": value}}


def test_a_number_that_python_writes_in_no_decimal_digits_is_shown_and_read_again(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text("providers.a.b = 0x" + "f" * 5_000)
    resolved = resolve(path, environ={})
    path.write_text(resolved.toml())
    assert load(path) == resolved.settings


def test_arguments_of_any_letters_are_parameters():
    assert parameter(None, None, ("a=\udcff", "b=" + "[" * 5_000)) == {"a": "\udcff", "b": "[" * 5_000}
    with pytest.raises(click.BadParameter):
        parameter(None, None, ("a",))


def test_a_file_of_brackets_is_refused_before_it_is_submitted(tmp_path):
    path = tmp_path / "problem.json"
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(Stop, match="is not JSON"):
        check_problem(path, "problem.json")


def test_output_of_brackets_is_corrupt():
    with pytest.raises(BlobCorrupt):
        decode_results(b"[" * 100_000, "application/json")
    assert decode_results(b"[" * 100_000, "application/octet-stream") == b"[" * 100_000


def test_parameters_are_no_deeper_than_every_reader_can_go():
    assert checked_json("input_params", nested(DEPTH_MAX), PARAMS_BYTES_MAX) == nested(DEPTH_MAX)
    for depth in (DEPTH_MAX + 2, 900, 990, 5_000):
        with pytest.raises(InvalidRequest) as refused:
            checked_json("input_params", {"params": nested(depth)}, PARAMS_BYTES_MAX)
        assert refused.value.field == "input_params"
    with pytest.raises(InvalidRequest, match="finite"):
        checked_json("input_params", {"a": {float("nan")}}, PARAMS_BYTES_MAX)


async def test_parameters_nearly_as_deep_as_the_stack_are_refused_at_submit():
    async with with_echo(in_memory()) as workspace:
        for depth in range(940, 1_000, 5):
            with pytest.raises(InvalidRequest):
                await workspace.submit("acme.echo", b"x", input_params={"a": nested(depth)})
        assert await workspace.count_jobs() == 0


def test_a_row_of_brackets_is_a_corrupt_store():
    with pytest.raises(StoreCorrupt):
        readable(decode_details, '{"handle":' + "[" * 10_000)


def test_no_frame_is_longer_than_frames_are():
    with pytest.raises(ValueError, match="longer"):
        take_frame(bytearray((FRAME_BYTES_MAX + 1).to_bytes(4, "little")))


def test_a_mad_block_tells_no_progress():
    block = ControlBlock()
    block.reset()
    for place, value in ((FRACTION, float("nan")), (FRACTION, 2.0), (SWEEP, float("inf")), (SWEEP, float("nan"))):
        kept, block._doubles[place] = block._doubles[place], value
        assert block.progress() is None
        block._doubles[place] = kept
    assert block.progress() is not None
    block.close()


def test_an_address_that_is_none_of_ours_is_not_repeated():
    with pytest.raises(InvalidRequest, match="must start with") as refused:
        key_of(SIGNED)
    assert "hunter22" not in str(refused.value)
    assert "abcdef" not in str(refused.value)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError(f"can not reach {SIGNED}, or '{SIGNED}'"),
        ProviderError("Refused", f"401 from {SIGNED}: no", details=[f"at {SIGNED}"]),
        RuntimeError("the key CaNaRy-of-findings is wrong"),
    ],
)
def test_a_job_tells_no_secret_of_the_error_that_ended_it(error, monkeypatch):
    monkeypatch.setattr(logs, "_secrets", set())
    logs.keep_secret("CaNaRy-of-findings")
    told = repr(error_data(error))
    assert "hunter22" not in told
    assert "abcdef" not in told
    assert "CaNaRy" not in told
    assert logs.HIDDEN in told
    assert "example.com/in" in told or "key" in told


def test_a_line_that_is_rendered_tells_no_secret():
    library = logging.getLogger("kyanite")
    kept = library.handlers[:], library.level, library.propagate
    stream = io.StringIO()
    try:
        logs.configure("json", "DEBUG", stream)
        logs.logger().info(f"got {SIGNED} and more", given=[SIGNED], said='"quoted" https://host/?sig="x"')
        logging.getLogger("kyanite").error("from %s", SIGNED, exc_info=ValueError(SIGNED))
    finally:
        library.handlers[:], library.propagate = kept[0], kept[2]
        library.setLevel(kept[1])
    assert "hunter22" not in stream.getvalue()
    assert "abcdef" not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0]["event"] == "got https://<hidden>@example.com/in and more"


def test_a_number_too_large_that_lies_deep_makes_no_long_message():
    with pytest.raises(BlobCorrupt) as caught:
        decode_results(b"[" * 900 + b"1e5000" + b"]" * 900, "application/json")
    assert len(str(caught.value)) < 500


def test_an_error_of_any_length_leaves_a_short_row():
    told = error_data(ProviderError("Long", "m" * 1_000_000, details=["d" * 100_000] * 1_000))
    assert len(msgspec.json.encode(told)) < 300_000
    assert told.message.startswith("mmm")
    assert told.message.endswith("...")


@pytest.mark.parametrize(
    "change",
    [
        (b"submit", b"all"),
        (b"submit", b"\xff"),
        (b"abab", "\u00e9".encode()),
        (b'"n"', b"[" * 100_000),
    ],
    ids=["scope", "not text", "digest", "deep"],
)
def test_a_file_of_keys_that_says_something_else_is_refused_as_a_whole(tmp_path, change):
    written = b'[{"id":"1","name":"n","scope":"submit","digest":"%s","creation_time":"2026-01-01T00:00:00Z"}]'
    (tmp_path / "keys.json").write_bytes((written % (b"ab" * 32)).replace(*change))
    with pytest.raises(ConfigError, match=r"keys\.json is not a file of keys"):
        Keys(tmp_path).all()
