import json

import pytest

from kyanite.cli.exits import Exit
from tests.cli.places import ENDLESS, PROBLEM


@pytest.fixture
def solve(call, tmp_path):
    """Solve in a folder of its own."""
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    return lambda *words: call("solve", tmp_path / "problem.json", *words, "--data-dir", tmp_path / "data")


def test_the_result_is_all_there_is_on_stdout(solve, call, tmp_path):
    code, out, err = solve("--param", "seed=7", "--name", "mine")
    assert (code, err) == (0, "")
    assert json.loads(out)["solutions"] == [{"configuration": {"0": 1, "1": 1}, "cost": -12.0}]
    assert '      "configuration": {"0": 1, "1": 1},\n' in out
    job_id = call("job", "list", "-o", "name", "--name", "mine", "--data-dir", tmp_path / "data").out.strip()
    assert json.loads(call("job", "output", job_id, "--data-dir", tmp_path / "data").out) == json.loads(out)

    code, out, err = solve("-o", "table", "-q")
    assert (code, out, err) == (0, "COST  CONFIGURATION\n-12   0=1 1=1\n", "")


def test_a_misspelt_parameter(solve):
    code, out, err = solve("--param", "sedd=7")
    assert (code, out) == (Exit.JOB_FAILED, "")
    assert err.startswith("kyanite: job ")
    assert err.endswith(" failed with InvalidInputParams: AZQ107: params.sedd: no such parameter; did you mean seed?\n")


def test_the_time_is_over_and_another_solve_goes_on(solve, call, tmp_path, monkeypatch):
    monkeypatch.setenv("KYANITE_LIMITS__CORES", "64")  # or one of the two has to wait for the other
    monkeypatch.setenv("KYANITE_PROVIDERS__LOCAL__WORKERS_MAX", "2")
    code, out, err = solve(*ENDLESS, "--timeout", "0.3")
    assert (code, out) == (Exit.TIMED_OUT, "")
    assert err.startswith("kyanite: not ended in time; job ")
    assert err.count("\n") == 1
    code, out, err = solve(*ENDLESS, "--time-limit", "0.4")
    assert (code, out) == (Exit.TIMED_OUT, "")
    note, line = err.splitlines()
    assert note.startswith(
        "this also executes another job that has not ended; see `kyanite job list -s waiting -s exec"
    )
    assert line.endswith(" failed with TimedOut: the attempt took longer than timeout_s = 0.4")
    left = call("job", "list", "-s", "executing", "-s", "waiting", "-o", "name", "--data-dir", tmp_path / "data").out
    assert call("job", "cancel", left.strip(), "-o", "name", "--data-dir", tmp_path / "data") == (0, left, "")
