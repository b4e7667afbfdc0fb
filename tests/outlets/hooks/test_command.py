"""Real programs: started, heard within bounds, ended with all they started, and never left behind."""

import asyncio
import errno
import os
import resource
import sys
import time

import anyio
import pytest

from kyanite.outlets.hooks import command
from kyanite.outlets.hooks.command import OUTPUT_BYTES_MAX, Outcome, run
from tests.outlets.hooks.processes import alive, descriptors, is_child, numbers, until

ENVIRONMENT = {"PATH": os.environ["PATH"]}
SOON_S = 10.0


async def call(*words, content=b"", timeout_s=SOON_S):
    return await run([str(word).encode() for word in words], content, ENVIRONMENT, timeout_s)


def shell(text, *words, **options):
    return call("sh", "-c", text, "sh", *words, **options)


async def test_a_program_reads_the_event_and_is_heard():
    assert await shell("cat; echo to stderr >&2; exit 3", content=b'{"event": 1}\n') == Outcome(
        status=3, signal="", output=b'{"event": 1}\nto stderr\n', dropped_bytes=0, in_time=True
    )


async def test_its_input_ends_and_need_not_be_read():
    large = b"x" * 5_000_000
    assert (await call("wc", "-c", content=large)).output.strip() == b"5000000"
    assert (await call("true", content=large)).status == 0
    assert (await shell("exec <&-; echo closed", content=large)).output == b"closed\n"


async def test_its_environment_is_what_it_is_given():
    program = [sys.executable.encode(), b"-c", b"import os; print(sorted(os.environ))"]
    outcome = await run(program, b"", {"LC_CTYPE": "C.UTF-8", "ONE": "1"}, SOON_S)
    assert outcome.output == b"['LC_CTYPE', 'ONE']\n"


async def test_it_is_in_a_session_of_its_own():
    outcome = await call(sys.executable, "-c", "import os; print(os.getpid() == os.getsid(0) == os.getpgid(0))")
    assert outcome.output == b"True\n"


async def test_a_signal_is_named():
    outcome = await shell("kill -SEGV $$")
    assert (outcome.status, outcome.signal, outcome.in_time) == (None, "SIGSEGV", True)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["/nowhere/program"], FileNotFoundError),
        (["no-program-of-this-name"], FileNotFoundError),
        ([__file__], PermissionError),
        (["true", "x" * 140_000], OSError),
    ],
)
async def test_what_can_not_be_started_leaves_nothing(words, kind):
    before = descriptors()
    with pytest.raises(kind) as error:
        await call(*words)
    assert error.value.strerror
    assert descriptors() == before


async def test_nothing_stays_open():
    await call("true")
    before = descriptors()
    for _ in range(20):
        await call("echo", "x")
    assert descriptors() == before


async def test_a_process_that_can_not_be_watched_is_killed(monkeypatch, tmp_path):
    seen = []

    def refuse(pid):
        seen.append(pid)
        raise OSError(errno.EMFILE, "Too many open files")

    before = descriptors()
    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        await call("sleep", "60")
    assert descriptors() == before
    assert not is_child(seen[0])


# Time -----------------------------------------------------------------------------------------------------------------


async def test_the_time_limit_ends_all_that_it_started(tmp_path):
    pids = tmp_path / "pids"
    text = 'sleep 60 & echo $! >> "$1"; (sleep 60 & echo $! >> "$1"; wait) & echo $! $$ >> "$1"; echo on; wait'
    outcome = await shell(text, pids, timeout_s=0.3)
    assert (outcome.status, outcome.signal, outcome.in_time) == (None, "SIGTERM", False)
    assert outcome.output == b"on\n"
    started = await numbers(pids, 4)
    await until(lambda: not any(map(alive, started)))


async def test_it_may_tidy_up_when_it_is_told_to_end():
    outcome = await shell("trap 'echo tidy; exit 5' TERM; echo on; while :; do sleep 0.01; done", timeout_s=0.3)
    assert (outcome.status, outcome.in_time) == (5, False)
    assert outcome.output.endswith(b"tidy\n")


async def test_what_it_started_may_tidy_up_too(tmp_path):
    inner = "trap 'sleep 0.2; echo tidy; exit 0' TERM; echo on; while :; do sleep 0.01; done"
    outcome = await shell(f'sh -c "{inner}" & wait', timeout_s=0.3)
    assert not outcome.in_time
    assert outcome.output.endswith(b"tidy\n")


async def test_who_does_not_want_to_end_is_killed(monkeypatch):
    monkeypatch.setattr(command, "GRACE_S", 0.1)
    outcome = await shell("trap '' TERM; echo on; while :; do sleep 0.01; done", timeout_s=0.2)
    assert (outcome.status, outcome.signal, outcome.in_time) == (None, "SIGKILL", False)


async def test_what_it_leaves_running_ends_with_it(tmp_path):
    pids = tmp_path / "pids"
    outcome = await shell('sleep 60 & echo $! > "$1"', pids)
    assert (outcome.status, outcome.in_time) == (0, True)
    (left,) = await numbers(pids, 1)
    await until(lambda: not alive(left))


async def test_what_leaves_its_group_lives_on_and_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "REST_S", 0.05)
    pids = tmp_path / "pids"
    before = descriptors()
    outcome = await shell(
        'setsid sh -c \'echo $$ > "$1"; exec sleep 60\' sh "$1" & until [ -s "$1" ]; do sleep 0.01; done; echo done',
        pids,
    )
    assert (outcome.status, outcome.output) == (0, b"done\n")
    assert descriptors() == before
    (left,) = await numbers(pids, 1)
    assert alive(left)
    os.kill(left, 9)


# Output ---------------------------------------------------------------------------------------------------------------


async def test_an_output_of_any_length_takes_no_memory():
    await call("head", "-c", "1000000", "/dev/zero")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await call("head", "-c", "100000000", "/dev/zero", timeout_s=60.0)
    assert outcome == Outcome(0, "", bytes(OUTPUT_BYTES_MAX), 100_000_000 - OUTPUT_BYTES_MAX, in_time=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_192


async def test_an_output_of_just_the_bound_is_kept_whole():
    outcome = await call("head", "-c", str(OUTPUT_BYTES_MAX), "/dev/zero")
    assert (len(outcome.output), outcome.dropped_bytes) == (OUTPUT_BYTES_MAX, 0)


async def test_who_writes_without_end_keeps_the_loop_no_busier_than_is_said():
    began = time.monotonic()
    outcome = await call("yes", timeout_s=0.3)
    turns = (time.monotonic() - began) / command._DROP_INTERVAL_S
    assert (outcome.in_time, outcome.signal) == (False, "SIGTERM")
    assert 1 << 20 < outcome.dropped_bytes <= (turns + 16) * OUTPUT_BYTES_MAX


# Cancellation ---------------------------------------------------------------------------------------------------------


async def test_cancellation_ends_and_reaps_it(tmp_path):
    pids, before = tmp_path / "pids", descriptors()
    async with anyio.create_task_group() as group:
        group.start_soon(shell, 'sleep 60 & echo $$ $! > "$1"; wait', pids)
        started = await numbers(pids, 2)
        group.cancel_scope.cancel()
    await until(lambda: not any(map(alive, started)))
    assert not is_child(started[0])
    assert descriptors() == before


async def test_a_task_that_is_cancelled_ends_and_reaps_it(tmp_path):
    pids, before = tmp_path / "pids", descriptors()
    task = asyncio.get_running_loop().create_task(shell('echo $$ > "$1"; exec sleep 60', pids))
    (started,) = await numbers(pids, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_child(started)
    assert descriptors() == before


async def test_cancellation_kills_who_does_not_want_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "GRACE_S", 0.1)
    pids = tmp_path / "pids"
    async with anyio.create_task_group() as group:
        group.start_soon(shell, "trap '' TERM; echo $$ > \"$1\"; while :; do sleep 0.01; done", pids)
        (started,) = await numbers(pids, 1)
        group.cancel_scope.cancel()
    assert not alive(started)
