import json

import pytest

from kyanite.cli.exits import Exit


def test_output_of_a_success(look, jobs):
    code, out, err = look("job", "output", jobs[1]["good"])
    assert (code, json.loads(out), err) == (0, {"answer": [1, 2.5]}, "")
    assert look("job", "output", jobs[1]["good"], "-o", "jsonl").out == '{"answer":[1,2.5]}\n'
    assert look("job", "output", jobs[1]["good"], "--raw").out == '{"answer":[1,2.5]}'


def test_output_into_a_file(look, jobs, tmp_path):
    code, out, err = look("job", "output", jobs[1]["good"], "-f", tmp_path / "out.json")
    assert (code, out, err) == (0, "", f"18 bytes written to {tmp_path / 'out.json'}\n")
    assert (tmp_path / "out.json").read_bytes() == b'{"answer":[1,2.5]}'
    code, _, err = look("job", "output", jobs[1]["good"], "-f", tmp_path / "missing" / "out.json")
    assert (code, err.count("\n")) == (Exit.ERROR, 1)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("bad", Exit.JOB_FAILED, "failed with Broken: it can not be done"),
        ("slow", Exit.TIMED_OUT, "failed with TimedOut: "),
        ("given up", Exit.JOB_CANCELLED, "cancelled"),
        ("waiting", Exit.ERROR, "has not ended; `kyanite job wait "),
    ],
)
def test_output_of_the_others(look, jobs, name, code, said):
    left = look("job", "output", jobs[1][name])
    assert (left.code, left.out) == (code, "")
    assert said in left.err
    assert left.err.count("\n") == 1
