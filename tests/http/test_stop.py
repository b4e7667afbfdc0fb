"""SIGTERM, once and twice, while a job executes: the process drains or lets go, and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from kyanite import Status, Workspace
from tests.cli.places import until
from tests.house.tree import ROOT

PATIENCE_S = 30.0
AT_ONCE_S = 5.0


class Child:
    """A daemon in a process of its own, with the slow job executing."""

    def __init__(self, process):
        self.process = process
        said = {process.stdout.readline().strip() for _ in range(2)}
        assert "began" in said, process.stderr.read()
        (self.address,) = said - {"began"}

    def status(self, path="/readyz"):
        try:
            with urlopen(self.address + path, timeout=PATIENCE_S) as answer:
                return answer.status
        except HTTPError as error:
            error.close()
            return error.code

    def told_to_stop(self, number=signal.SIGTERM):
        """Send the signal, and return once it is being heeded."""
        self.process.send_signal(number)
        until(lambda: self.status() == 503, "the signal is not heeded")

    def end(self):
        """Return the exit code, and what was logged."""
        logged = self.process.stderr.read()  # `communicate` would close stdin, which ends the job
        return self.process.wait(PATIENCE_S), logged


@contextmanager
def daemon(folder, drain_s=60):
    command = [sys.executable, "-m", "tests.http.slow_daemon", folder, str(drain_s)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {name: value for name, value in os.environ.items() if not name.startswith("KYANITE")}
    with subprocess.Popen(command, cwd=ROOT, env=env, text=True, **pipes) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


async def ended(folder):
    """The job, and the names of its events, as the next process finds them."""
    async with Workspace.open(data_dir=folder, read_only=True) as workspace:
        job = await workspace.get_job("slow")
        return job.details, [type(event).__name__ for event in await job.story()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_once_it_drains(tmp_path, number):
    with daemon(tmp_path) as child:
        assert child.status() == 200
        child.told_to_stop(number)
        assert child.status("/healthz") == 200
        assert child.process.poll() is None
        child.process.stdin.write("\n")
        child.process.stdin.flush()
        code, logged = child.end()
    assert (code, "Traceback" in logged, "let go" in logged) == (0, False, False)
    details, _ = await ended(tmp_path)
    assert details.status is Status.SUCCEEDED


async def test_twice_it_lets_go_and_the_job_goes_on_at_the_next_start(tmp_path):
    with daemon(tmp_path) as child:
        child.told_to_stop()
        asked_s = time.monotonic()
        child.process.send_signal(signal.SIGTERM)
        code, logged = child.end()
        assert time.monotonic() - asked_s < AT_ONCE_S
    assert (code, "Traceback" in logged, "let go" in logged) == (0, False, True)
    details, story = await ended(tmp_path)
    assert (details.status, story[-1]) == (Status.EXECUTING, "Suspended")
    with daemon(tmp_path) as child:
        child.process.stdin.write("\n")
        child.process.stdin.flush()
        until(lambda: b'"status":"Succeeded"' in looked(child), "the job does not go on")
        child.process.send_signal(signal.SIGTERM)
        assert child.end()[0] == 0
    details, story = await ended(tmp_path)
    assert details.status is Status.SUCCEEDED
    assert story == ["Submitted", "Began", "Suspended", "Began", "Succeeded"]


async def test_it_drains_no_longer_than_it_is_set_to(tmp_path):
    with daemon(tmp_path, drain_s=0.2) as child:
        child.process.send_signal(signal.SIGTERM)
        code, logged = child.end()
    assert code == 0
    assert "let go" in logged
    details, story = await ended(tmp_path)
    assert (details.status, story[-1]) == (Status.EXECUTING, "Suspended")


def looked(child):
    """What the Azure edge says of the job."""
    path = "/v1.0/subscriptions/0/resourceGroups/local/providers/Microsoft.Quantum/workspaces/local/jobs/slow"
    with urlopen(child.address + path, timeout=PATIENCE_S) as answer:
        body = answer.read()
    assert json.loads(body)["id"] == "slow"
    return body
