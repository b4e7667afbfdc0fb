import gzip
import io
import json
import os
import sys

import pytest

from kyanite.cli.exits import Exit
from kyanite.cli.submission import DEFAULT_TARGET
from tests.cli.places import PROBLEM


@pytest.fixture
def submit(call, tmp_path):
    """Submit in a folder of its own."""
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    return lambda *words: call("job", "submit", *words, "--data-dir", tmp_path / "data")


def row(call, tmp_path, job_id):
    return json.loads(call("job", "show", job_id, "-o", "json", "--data-dir", tmp_path / "data").out)


def test_a_job_is_stored_and_nothing_starts(submit, call, tmp_path):
    code, out, err = submit(
        tmp_path / "problem.json", "-p", "seed=7", "-p", "timeout=5", "--tag", "a", "--tag", "b", "--priority", "-2",
        "--time-limit", "9.5", "--attempts", "3",
    )  # fmt: skip
    job_id = out.strip()
    assert code == 0
    assert err == (f"it waits in the queue; `kyanite job wait {job_id} --data-dir {tmp_path / 'data'}` executes it\n")
    stored = row(call, tmp_path, job_id)
    assert stored["input_params"] == {"params": {"seed": 7, "timeout": 5}}
    assert (stored["name"], stored["target"], stored["status"]) == ("problem", DEFAULT_TARGET, "Waiting")
    assert (stored["tags"], stored["priority"], stored["timeout_s"], stored["attempts_max"]) == (["a", "b"], -2, 9.5, 3)
    assert (stored["input_size"], stored["inspected"]) == (len(PROBLEM), False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-0.5", -0.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"7"', "7"),
        ("fast", "fast"),
        ("a=b", "a=b"),
        ("", ""),
        ("NaN", "NaN"),
        ("null", None),
    ],
)
def test_values_of_parameters_are_json_or_text(submit, call, tmp_path, text, value):
    job_id = submit(tmp_path / "problem.json", "--param", f"x={text}").out.strip()
    assert row(call, tmp_path, job_id)["input_params"] == {"params": {"x": value}}


def test_the_whole_row_on_request(submit, tmp_path):
    shown = json.loads(submit(tmp_path / "problem.json", "-o", "json", "--name", "mine", "-q").out)
    assert (shown["name"], shown["input_params"]) == ("mine", {})


def test_the_same_id_is_the_same_job(submit, tmp_path):
    words = (tmp_path / "problem.json", "--job-id", "mine-1")
    assert submit(*words).out == submit(*words).out == "mine-1\n"
    code, _, err = submit(*words, "-p", "seed=1")
    assert code == Exit.ERROR
    assert err.startswith("kyanite: Another job has this id already: mine-1 is 'problem' on ")


def test_compressed_input(submit, call, tmp_path):
    (tmp_path / "zipped.json.gz").write_bytes(gzip.compress(PROBLEM))
    job_id = submit(tmp_path / "zipped.json.gz").out.strip()
    assert row(call, tmp_path, job_id)["name"] == "zipped"


def test_input_from_stdin(submit, call, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PROBLEM)))
    job_id = submit("-").out.strip()
    stored = row(call, tmp_path, job_id)
    assert (stored["input_size"], stored["name"]) == (len(PROBLEM), DEFAULT_TARGET)


def test_input_from_a_pipe_with_a_name(submit, call, tmp_path):
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(PROBLEM)
    try:
        job_id = submit(f"/dev/fd/{reader}").out.strip()
    finally:
        os.close(reader)
    assert row(call, tmp_path, job_id)["input_size"] == len(PROBLEM)


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("missing.json",), "missing.json: No such file or directory", Exit.ERROR),
        (("folder",), "folder: Is a directory", Exit.ERROR),
        (("empty",), "empty is empty", Exit.ERROR),
        (("text",), "text is not JSON: JSON is malformed: invalid character (byte 0)", Exit.ERROR),
        (("cut",), "cut is not JSON: Input data was truncated", Exit.ERROR),
        (("long",), "long is not JSON: it begins with '" + 20 * "x" + "'", Exit.ERROR),
        (("problem.json", "--target", "microsoft.simulatedanealing.cpu"), "did you mean 'microsoft.simulatedann", 1),
        (("problem.json", "-p", "seed"), "'seed' is not of the form name=value. See `kyanite job submit", Exit.USAGE),
        (("problem.json", "-p", "seed=1", "-p", "seed=2"), "seed is given twice", Exit.USAGE),
        (("problem.json", "--priority", "2000"), "priority must be an integer from -1000 to 1000", Exit.ERROR),
        (("problem.json", "--time-limit", "0"), "timeout_s must be a number of seconds above 0", Exit.ERROR),
        (
            ("problem.json", "-p", "timeout=5", "--time-limit", "5"),
            "does not fit into the job's time limit",
            Exit.ERROR,
        ),
        (("problem.json", "--job-id", "../x"), "job_id is 1 to 128 letters", Exit.ERROR),
    ],
)
def test_what_can_not_be_submitted_is_told_in_one_line(submit, call, tmp_path, monkeypatch, words, said, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name, content in (("empty", b" \n"), ("text", b"hello"), ("cut", b'{"a":'), ("long", b"x" * (5 << 20))):
        (tmp_path / name).write_bytes(content)
    left = submit(*words)
    assert (left.code, left.out) == (code, "")
    assert left.err.startswith("kyanite: ")
    assert said in left.err
    assert left.err.count("\n") == 1
    assert not (tmp_path / "data").exists() or call("job", "count", "--data-dir", tmp_path / "data").out == "0\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(submit, tmp_path):
    (tmp_path / "problem.json").chmod(0)
    assert "problem.json: Permission denied" in submit(tmp_path / "problem.json").err


def test_a_folder_that_can_not_be_made(call, tmp_path):
    (tmp_path / "file").write_bytes(PROBLEM)
    code, _, err = call("job", "submit", tmp_path / "file", "--data-dir", tmp_path / "file" / "data")
    assert (code, err.count("\n")) == (Exit.ERROR, 1)
    assert "Not a directory" in err
