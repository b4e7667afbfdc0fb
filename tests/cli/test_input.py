import io
import os
import sys

import pytest

from kyanite.cli.input import input_file, job_name
from kyanite.cli.session import Session


def test_a_plain_file_is_read_where_it_is(tmp_path):
    (tmp_path / "problem.json").write_bytes(b"{}")
    with input_file(Session(), str(tmp_path / "problem.json")) as path:
        assert path == tmp_path / "problem.json"


def test_what_comes_once_is_copied_and_the_copy_removed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x00\xff" * 1_000_000)))
    with input_file(Session(), "-") as path:
        assert path.read_bytes() == b"\x00\xff" * 1_000_000
    assert not path.exists()


def test_a_named_pipe(tmp_path):
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(b"{}")
    with os.fdopen(reader), input_file(Session(), f"/dev/fd/{reader}") as path:
        assert path.is_file()
        assert path.read_bytes() == b"{}"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, input_file(Session(), str(tmp_path / "none")):
        raise AssertionError
    assert caught.value.filename == str(tmp_path / "none")


def test_jobs_are_called_after_their_files(tmp_path):
    for name, called in (("max-cut.json", "max-cut"), ("x.json.gz", "x"), ("plain", "plain"), (".json", None)):
        (tmp_path / name).touch()
        assert job_name(str(tmp_path / name)) == called
    assert job_name("-") is None
    assert job_name("/dev/null") is None
