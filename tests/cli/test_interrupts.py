import os
import pydoc
import signal
import subprocess
import sys

import anyio
import pytest

from kyanite import Workspace
from kyanite.cli.exits import Exit, Stop
from kyanite.cli.interrupts import run
from kyanite.cli.opening import reading
from kyanite.cli.session import Session
from tests.cli.places import ENDLESS, PROBLEM, child, leftovers, until

SIGNALS = [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)]


def ended(process):
    """The exit code and stderr, once nothing of the call is left."""
    out, err = process.communicate(timeout=50)
    assert out == ""
    until(lambda: not leftovers(process.pid), "workers are left over")
    return process.returncode, err


def test_while_the_input_is_read(call, tmp_path):
    """Nobody reads a pipe that is full, so once all is written, it is being read."""
    process = child("solve", "-", "--data-dir", tmp_path / "data", stdin=subprocess.PIPE)
    process.stdin.write(" " * (1 << 20))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    process.stdin = None
    assert ended(process) == (Exit.INTERRUPTED, "kyanite: interrupted; nothing was submitted or changed\n")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_while_the_job_executes(call, tmp_path, number, code):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    folder = ("--data-dir", tmp_path / "data")
    process = child("solve", tmp_path / "problem.json", *ENDLESS, *folder)
    listed = lambda: call("job", "list", "-s", "executing", "-o", "name", *folder).out
    job_id = until(listed, "the job does not execute").strip()
    process.send_signal(number)
    left, err = ended(process)
    folder_option = f"--data-dir {tmp_path / 'data'}"
    wait, cancel = (f"`kyanite job {word} {job_id} {folder_option}`" for word in ("wait", "cancel"))
    assert left == code
    assert err == f"kyanite: interrupted; job {job_id} is kept: {wait} goes on, {cancel} gives up\n"
    assert "interrupted: it goes on" in call("job", "show", job_id, *folder).out
    assert call("job", "story", job_id, *folder).out.splitlines()[-1].endswith("Suspended")
    assert call("job", "cancel", job_id, "-o", "name", *folder) == (0, f"{job_id}\n", "")


def test_twice(call, tmp_path):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    folder = ("--data-dir", tmp_path / "data")
    process = child("job", "submit", "--wait", tmp_path / "problem.json", *ENDLESS, *folder)
    job_id = until(
        lambda: call("job", "list", "-s", "executing", "-o", "name", *folder).out, "it does not execute"
    ).strip()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    code, err = ended(process)
    assert code == Exit.INTERRUPTED
    assert err.startswith(("kyanite: interrupted; job ", "kyanite: ended at once; "))
    assert call("job", "cancel", job_id, "-o", "name", *folder) == (0, f"{job_id}\n", "")


@pytest.mark.parametrize("stored", [True, False])
def test_while_the_job_is_submitted(call, tmp_path, monkeypatch, stored):
    """Nobody has heard yet whether the submit came through, but what is said is true."""
    submit = Workspace.submit

    async def interrupted(workspace, *arguments, **options):
        if stored:
            await submit(workspace, *arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        await anyio.sleep_forever()

    monkeypatch.setattr(Workspace, "submit", interrupted)
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    folder = ("--data-dir", tmp_path / "data")
    code, out, err = call("job", "submit", tmp_path / "problem.json", *folder)
    assert (code, out) == (Exit.INTERRUPTED, "")
    job_id = call("job", "list", "-o", "name", *folder).out.strip()
    assert bool(job_id) == stored
    said = f"job {job_id} is kept: `kyanite job wait {job_id} " if stored else "nothing was submitted\n"
    assert err.startswith(f"kyanite: interrupted; {said}")


def test_between_two_loops(call, tmp_path, monkeypatch):
    """Wherever it comes, it is told what is left."""

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("kyanite.cli.listing.reading", interrupted)
    assert call("job", "list") == (Exit.INTERRUPTED, "", "kyanite: interrupted; nothing was submitted or changed\n")


def test_what_is_raised_in_a_destructor_is_lost_but_not_the_signal(call, jobs, monkeypatch):
    """Python prints it, and goes on."""
    lost = []

    class Thing:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    def destructive(*arguments):
        Thing()
        return reading(*arguments)

    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: lost.append(unraisable.exc_type))
    monkeypatch.setattr("kyanite.cli.listing.reading", destructive)
    code, out, err = call("job", "list", "--data-dir", jobs[0])
    assert lost == [KeyboardInterrupt]
    assert (code, out, err) == (Exit.INTERRUPTED, "", "kyanite: interrupted; nothing was submitted or changed\n")


def test_an_error_that_comes_first_is_told_and_nothing_else_begins():
    """Else whoever knows what to do about the error would go on, and the signal would be lost."""
    session, begun = Session(), []

    async def failing():
        os.kill(os.getpid(), signal.SIGINT)
        raise LookupError

    async def following():
        begun.append(True)

    handlers = [signal.getsignal(number) for number, _ in SIGNALS]
    with pytest.raises(LookupError):
        run(failing, session)
    with pytest.raises(Stop, match=r"^interrupted; nothing was submitted or changed$") as stopped:
        run(following, session)
    assert stopped.value.code == Exit.INTERRUPTED
    assert begun == []
    assert [signal.getsignal(number) for number, _ in SIGNALS] == handlers


MOMENTS = {
    "the loop is made": ("asyncio.events.new_event_loop", "before"),
    "the loop closes": ("asyncio.unix_events._UnixSelectorEventLoop.close", "before"),
    "the loop has closed": ("asyncio.unix_events._UnixSelectorEventLoop.close", "after"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_around_the_loop(monkeypatch, moment, number, code):
    name, when = MOMENTS[moment]
    real, sent = pydoc.locate(name), []

    def patched(*arguments):
        try:
            if when == "before":
                sent.append(os.kill(os.getpid(), number))
            return real(*arguments)
        finally:
            if when == "after":
                sent.append(os.kill(os.getpid(), number))

    async def done():
        return "done"

    monkeypatch.setattr(name, patched)
    with pytest.raises(Stop, match=r"^interrupted; ") as stopped:
        run(done, Session())
    assert (stopped.value.code, sent) == (code, [None])


LATE = """
import os, signal, sys

from kyanite.cli.interrupts import run
from kyanite.cli.session import Session

async def endless():
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.Signals[sys.argv[1]])

kept = []

async def main():
    kept.append(endless())
    await anext(kept[0])
    return "done"

try:
    print(run(main, Session()))
except Exception as stop:
    print(stop.code)
"""


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_while_the_loop_closes(number, code):
    """What ran is over, and what would come next must not begin."""
    left = subprocess.run([sys.executable, "-c", LATE, number.name], capture_output=True, text=True, check=False)
    assert (left.returncode, left.stdout, left.stderr) == (0, f"{code}\n", "")
