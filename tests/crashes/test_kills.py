"""Real processes, killed at random moments under load: what their clients heard holds for ever."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from kyanite import Status
from kyanite.core.events import FINAL_EVENTS, Submitted
from kyanite.runtime.audit import Audit
from tests.crashes.clients_process import KERNEL, input_of
from tests.crashes.history import SUBMIT, History, lines_of
from tests.crashes.targets import ECHO, REMOTE, RETRY, SLOW, output_of, workspace_in
from tests.reliability import counts, record

LINEAGES = 2
"""Stores that live side by side, each with lives of its own: one a core."""
KILLS = counts(quick=4, ci=100, soak=2_000)
KERNEL_LIVES = counts(quick=0, ci=2, soak=40)
"""Lives of each lineage, the last ones, in which real workers take part."""
LIFE_S = counts(quick=0.25, ci=0.5, soak=0.5)
KERNEL_LIFE_S = 6.0
MARK = "KYANITE_TEST_LINEAGE"


def marked(value):
    """The processes that were started, at whatever remove, by one lineage."""
    wanted = f"{MARK}={value}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it has just ended, or is somebody else's
    return found


def live_and_die(folder, life, life_s, *extra):
    """Run one life, and kill its process group at a random moment after it began to open the workspace."""
    command = [sys.executable, "-m", "tests.crashes.clients_process", folder, folder / "history", str(life), *extra]
    environment = os.environ | {MARK: str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(random.Random(f"{folder.name}-{life}").uniform(0.0, life_s))
        os.killpg(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while marked(folder):
        assert time.monotonic() < deadline, "a worker outlives its parent"


def lineage(folder, kills):
    folder.mkdir()
    for life in range(kills):
        if life < kills - KERNEL_LIVES:
            live_and_die(folder, life, LIFE_S)
        else:
            live_and_die(folder, life, KERNEL_LIFE_S, "kernels")


async def drained(folder):
    """Let everything come to its end; return the rows, and the log."""
    from kyanite_providers.local import LocalProvider

    async with workspace_in(folder, providers=[LocalProvider(workers_max=1)] if KERNEL_LIVES else []) as workspace:
        async for job in workspace.list_jobs():
            await job.wait()
        rows = [job.details async for job in workspace.list_jobs()]
        log = [event async for event in workspace.events()]
        audit = Audit(workspace.host.storage.store, workspace.host.storage.blobs, read_blobs=True)
        assert [breach async for breach in audit.breaches()] == []
        assert audit.tally.jobs == len(rows)
        for row in rows:
            if row.target in {ECHO, RETRY, SLOW, REMOTE} and row.status is Status.SUCCEEDED:
                expected = output_of(input_of(row.id))
                assert await workspace.download(row.output_data_uri) == expected
    return rows, log


@pytest.mark.timeout(counts(quick=60, ci=300, soak=7_200))
async def test_killed_at_any_moment_nothing_that_was_said_becomes_untrue(tmp_path):
    kills = KILLS // LINEAGES
    folders = [tmp_path / f"lineage-{number}" for number in range(LINEAGES)]
    async with anyio.create_task_group() as group:
        for folder in folders:
            group.start_soon(anyio.to_thread.run_sync, lineage, folder, kills)
    acknowledged = calls = 0
    for folder in folders:
        history = History(lines_of((folder / "history").read_bytes()))
        rows, log = await drained(folder)
        assert history.violations(rows) == []
        assert [event.position for event in log] == list(range(1, len(log) + 1))
        births = [event.job_id for event in log if isinstance(event, Submitted)]
        ends = [event.job_id for event in log if isinstance(event, FINAL_EVENTS)]
        assert sorted(births) == sorted(ends) == sorted(row.id for row in rows)
        begun = {line.job for line in history.lines if line.call == SUBMIT}
        assert set(history.acknowledged) <= set(births) <= begun
        check_endings(rows)
        acknowledged += len(history.acknowledged)
        calls += len(history.lines)
    assert acknowledged >= KILLS
    assert not list(tmp_path.glob("*/blobs/tmp/*"))
    record(
        "An acknowledged submit is never lost; an answer never becomes untrue",
        f"{kills * LINEAGES:,} kills under load, {acknowledged:,} acknowledged jobs, 0 lost, 0 doubled, 0 changed",
        kills=kills * LINEAGES,
        jobs=acknowledged,
        calls=calls,
    )


def check_endings(rows):
    """Each job ended as its target ends jobs, or was cancelled."""
    natural = {ECHO: Status.SUCCEEDED, RETRY: Status.SUCCEEDED, SLOW: Status.SUCCEEDED, REMOTE: Status.SUCCEEDED}
    for row in rows:
        assert row.status in {natural.get(row.target, Status.FAILED), Status.CANCELLED} or row.target == KERNEL
        assert row.status is not Status.CANCELLED or row.cancel_requested
        assert row.status is not Status.FAILED or row.error_data.code == "Refused"
