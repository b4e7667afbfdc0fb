"""A process that runs out of file descriptors: clear errors at submit, at solve and at a worker's start."""

import json
import os
import subprocess
import sys

import pytest

from tests.reliability import record


@pytest.mark.timeout(400)
def test_without_descriptors_errors_are_clear_and_nothing_stays_broken(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-X", "dev", "-m", "tests.resources.descriptors", str(tmp_path)]
    call = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=380, check=False)
    assert call.returncode == 0, call.stderr[-4_000:]
    told = json.loads(call.stdout.splitlines()[-1])
    errors = {what.partition(": ")[2] for what in told["told"]} - {"done"}
    assert errors <= {"StoreUnavailable", "InvalidRequest", "OSError"}, told
    assert errors, "nothing met the limit"
    ends = {code.partition(":")[0] for code in told["ends"]}
    assert ends == {"Succeeded", "WorkerDied"}
    assert all("Too many open files" in code for code in told["ends"] if code.startswith("WorkerDied"))
    assert told["again"], "it does not work again"
    assert told["left_open"] == 0
    assert "Task exception was never retrieved" not in call.stderr
    figure = f"out of descriptors {sum(told['told'].values())} times: clear errors, all works after, none left open"
    record("Resources: no descriptors left", figure, ends=told["ends"], told=told["told"])
