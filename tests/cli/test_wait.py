import asyncio
import os
import signal
import subprocess
import sys

import pytest

from kyanite import Workspace
from kyanite.cli.exits import Exit
from tests.cli.places import PROBLEM, child, environment, until, with_targets

OWNER = """
import asyncio, sys
from kyanite import Workspace

async def main():
    async with Workspace.open(data_dir=sys.argv[1], drive=False):
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture
def submitted(call, tmp_path):
    """A job that waits, and its folder."""
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    folder = tmp_path / "data"
    return folder, call("job", "submit", tmp_path / "problem.json", "--data-dir", folder).out.strip()


@pytest.fixture
def owner(submitted):
    """Another process that has the folder open, and executes nothing."""
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", OWNER, str(submitted[0])]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment(), text=True) as process:
        assert process.stdout.readline() == "open\n"
        yield process
        process.stdin.close()
        process.wait(10)


def test_waiting_executes_jobs_and_shows_how_they_ended(call, submitted):
    folder, job_id = submitted
    second = call("job", "submit", folder.parent / "problem.json", "-p", "sedd=1", "--data-dir", folder).out.strip()
    code, out, err = call("job", "wait", second, job_id, job_id, "-o", "jsonl", "--data-dir", folder)
    assert (code, err) == (Exit.JOB_FAILED, "")
    assert [line.split('"')[3] for line in out.splitlines()] == [second, job_id]
    assert call("job", "wait", job_id, "-o", "name", "--data-dir", folder) == (0, f"{job_id}\n", "")
    assert call("job", "watch", "--data-dir", folder) == (0, "", "no job waits or executes\n")


def test_watch_takes_all_that_have_not_ended(call, submitted):
    folder, job_id = submitted
    code, out, err = call("job", "watch", "--data-dir", folder)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[0] == job_id
    assert "Succeeded" in out


@pytest.mark.parametrize(
    ("name", "code"),
    [("good", 0), ("bad", Exit.JOB_FAILED), ("slow", Exit.TIMED_OUT), ("given up", Exit.JOB_CANCELLED)],
)
def test_the_exit_code_says_how_a_job_ended(look, jobs, name, code):
    left = look("job", "wait", jobs[1][name], "-o", "name")
    assert left == (code, f"{jobs[1][name]}\n", "")


def test_a_target_that_nobody_serves(look, jobs):
    code, out, err = look("job", "wait", jobs[1]["waiting"])
    assert (code, out) == (Exit.ERROR, "")
    assert err == f"kyanite: job {jobs[1]['waiting']} can not go on: nobody here serves acme.echo\n"


def test_what_nobody_serves_does_not_hold_up_the_others(call, submitted):
    async def add():
        async with with_targets(Workspace.open(data_dir=folder, drive=False)) as workspace:
            return (await workspace.submit("acme.echo", "x")).id

    folder, job_id = submitted
    missing = asyncio.run(add())
    said = f"job {missing} can not go on: nobody here serves acme.echo\n"
    assert call("job", "watch", "-o", "name", "--data-dir", folder) == (0, f"{job_id}\n", said)
    assert call("job", "watch", "-o", "name", "--data-dir", folder) == (0, "", said)


def test_while_another_process_owns_the_store(call, submitted, owner):
    folder, job_id = submitted
    for words in (("list",), ("count",), ("show", job_id), ("story", job_id)):
        assert call("job", *words, "--data-dir", folder).code == 0
    problem = folder.parent / "problem.json"
    for words in (("job", "submit", problem), ("job", "cancel", job_id), ("solve", problem)):
        code, out, err = call(*words, "--data-dir", folder)
        assert (code, out) == (Exit.ERROR, "")
        assert err.startswith(f"kyanite: process {owner.pid} has {folder} open; wait for its end or stop it (job list")
        assert err.count("\n") == 1
    code, out, err = call("job", "wait", job_id, "--timeout", "0.1", "--data-dir", folder)
    assert (code, out) == (Exit.TIMED_OUT, "")
    assert err.splitlines()[0] == f"process {owner.pid} executes the jobs; this one looks on"
    assert err.splitlines()[1].startswith("kyanite: not ended in time; job ")


def test_looking_on_ends_with_the_job(tmp_path):
    async def execute():
        async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:
            job = await workspace.submit("acme.late", "x", name="late")
            process = await asyncio.to_thread(child, "job", "watch", "-o", "name", "--data-dir", tmp_path)
            line = await asyncio.to_thread(process.stderr.readline)
            await job.cancel()
            out, err = await asyncio.to_thread(process.communicate)
            return job.id, line, out, err, process.returncode

    job_id, line, out, err, code = asyncio.run(execute())
    assert line == f"process {os.getpid()} executes the jobs; this one looks on\n"
    assert (out, err, code) == (f"{job_id}\n", "", Exit.JOB_CANCELLED)


def test_looking_on_becomes_executing_when_the_owner_leaves(submitted, owner):
    folder, job_id = submitted
    process = child("job", "wait", job_id, "-o", "name", "--data-dir", folder)
    assert "looks on" in process.stderr.readline()
    owner.kill()
    owner.wait(10)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, out, err) == (0, f"{job_id}\n", "")


def test_interrupted_while_looking_on(submitted, owner):
    folder, job_id = submitted
    process = child("job", "wait", job_id[:20], "--data-dir", folder)
    assert "looks on" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, out) == (Exit.INTERRUPTED, "")
    assert err.startswith(f"kyanite: interrupted; job {job_id} is kept: `kyanite job wait {job_id} --data-dir")
    assert until(lambda: owner.poll() is None, "the owner lives on")
