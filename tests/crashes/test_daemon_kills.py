"""A daemon, killed at random moments while clients of other processes use it: what they heard holds for ever."""

import os
import random
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from kyanite import Status
from kyanite.core.events import FINAL_EVENTS, Submitted
from kyanite.http.daemon import bound
from tests.crashes.history import History, lines_of
from tests.crashes.targets import ECHO, FAIL, REMOTE, RETRY, SLOW, workspace_in
from tests.crashes.test_kills import MARK, drained, marked
from tests.crashes.wire_clients_process import CLIENTS
from tests.crashes.wire_rows import UPLOAD, content_of, seen_in_store
from tests.reliability import counts, record

KILLS = counts(quick=2, ci=10, soak=100)
LIFE_S = 0.6
PROCESSES = 2
PATIENCE_S = 40
ENDINGS = {ECHO: None, SLOW: None, REMOTE: None, FAIL: "Refused", RETRY: "Busy"}
"""The code of the error that a target's jobs end with. The wire has no word for a second attempt."""


@contextmanager
def daemon(folder, address):
    """A daemon that opens the workspace, and what it logs."""
    command = [sys.executable, "-m", "tests.crashes.daemon_process", folder, address]
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            command, env=os.environ | {MARK: str(folder)}, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
    with child:
        try:
            assert child.stdout.readline() == b"opening\n"
            yield child
        finally:
            child.kill()
    assert marked(folder) == []


def live_and_die(folder, address, life):
    """Run one life, and kill its process group at a random moment: of its opening, or under load."""
    chance = random.Random(f"daemon {life}")
    with daemon(folder, address) as child:
        if life % 3 != 2:
            assert child.stdout.readline() == f"http://{address}\n".encode()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.0, LIFE_S))
        os.killpg(child.pid, signal.SIGKILL)


def live_and_stop(folder, address, clients):
    """Run the last life until every client has its answers, and stop it in good order."""
    with daemon(folder, address) as child:
        assert child.stdout.readline() == f"http://{address}\n".encode()
        for client in clients:
            _, told = client.communicate(b"\n", timeout=PATIENCE_S)
            assert client.returncode == 0, told.decode()
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 0


@contextmanager
def clients_of(folder, address):
    """Processes of clients, which begin before there is a daemon."""
    with ExitStack() as stack:
        started = []
        for number in range(PROCESSES):
            arguments = [folder / "history", f"http://{address}", f"p{number}"]
            command = [sys.executable, "-m", "tests.crashes.wire_clients_process", *arguments]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            started.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield started


@pytest.mark.timeout(counts(quick=60, ci=180, soak=1_800))
async def test_a_killed_daemon_has_told_its_clients_nothing_that_becomes_untrue(tmp_path):
    with bound("127.0.0.1:0") as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with clients_of(tmp_path, address) as clients:
        for life in range(KILLS):
            live_and_die(tmp_path, address, life)
        live_and_stop(tmp_path, address, clients)
    history = History(lines_of((tmp_path / "history").read_bytes()))
    rows, log = await drained(tmp_path)
    assert history.violations(map(seen_in_store, rows)) == []
    births = [event.job_id for event in log if isinstance(event, Submitted)]
    ends = [event.job_id for event in log if isinstance(event, FINAL_EVENTS)]
    assert sorted(births) == sorted(ends) == sorted(row.id for row in rows) == sorted(history.acknowledged)
    for row in rows:
        code = None if row.error_data is None else row.error_data.code
        assert row.status is Status.CANCELLED or code == ENDINGS[row.target]
    uploads = await check_uploads(tmp_path, history.lines)
    assert len(history.acknowledged) >= CLIENTS * PROCESSES
    assert uploads >= CLIENTS
    assert b"Traceback" not in (tmp_path / "log").read_bytes()
    record(
        "An acknowledged submit is never lost; an answer never becomes untrue",
        f"{KILLS:,} kills of the daemon under HTTP load, {len(history.acknowledged):,} acknowledged jobs and "
        f"{uploads:,} uploads, 0 lost, 0 doubled, 0 changed",
        kills=KILLS,
        jobs=len(history.acknowledged),
        uploads=uploads,
        calls=len(history.lines),
    )


async def check_uploads(folder, lines):
    """Every upload that was acknowledged is there as a whole, and nothing else is; return how many there are."""
    acknowledged = {line.job for line in lines if line.call == UPLOAD and line.answer is not None}
    async with workspace_in(folder) as workspace:
        there = {blob.key.rpartition("/")[2]: blob.key for blob in await _all(workspace.blobs, "default/uploads/")}
        assert set(there) == acknowledged
        for name, key in there.items():
            assert await workspace.blobs.get(key) == content_of(name)
    assert not list(folder.glob("staging/*/*/*")), "blocks are left of blobs that were made"
    assert not list(folder.glob("blobs/tmp/*"))
    return len(acknowledged)


async def _all(blobs, prefix):
    found, after = [], ""
    while page := await blobs.page(prefix, after, 1_000):
        found += page
        after = page[-1].key
    return found
