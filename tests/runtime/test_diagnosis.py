"""What a diagnosis says of an installation that is whole, of one that is not there, and of each part that is broken."""

import fcntl
import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from msgspec.structs import replace

from kyanite import Workspace, plugins
from kyanite.config import LimitSettings, resolve
from kyanite.core.findings import Finding
from kyanite.core.job import Target
from kyanite.ports import Provider
from kyanite.runtime import diagnosis
from kyanite.runtime.diagnosis import diagnose, ground, ownership, storage
from kyanite.testing.clocks import FakeClock
from tests.runtime.places import with_echo


class Served(Provider):
    """A provider that says how it is."""

    id = "acme"

    def __init__(self, *targets, finding=None, error=None):
        self._targets, self._finding, self._error = targets, finding, error

    def targets(self):
        return [Target(id=target, provider_id=self.id) for target in self._targets]

    async def run(self, task):
        return None

    async def diagnose(self):
        if self._error is not None:
            raise self._error
        return [self._finding] if self._finding else []


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in list(os.environ):
        if name.startswith("KYANITE"):
            monkeypatch.delenv(name)


async def found(folder, *providers, clock=None, **flags):
    """The findings by subject; the data folder is as it was before."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plugins, "providers", lambda _: list(providers))
        before = listing(folder)
        findings = [each async for each in diagnose(resolve(flags={"data_dir": folder} | flags), clock=clock)]
        assert listing(folder) == before
    return {finding.subject: finding for finding in findings}


def listing(folder):
    """Every file with its content and its time, but for those of the memory that SQLite's processes share."""
    there = [path for path in [folder, *sorted(folder.rglob("*"))] if path.exists()]
    return {
        path: () if path.suffix == ".sqlite-shm" else (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in there
    }


async def a_folder(folder, *, waiting=0):
    async with with_echo(Workspace.open(data_dir=folder)) as workspace:
        for _ in range(3):
            await (await workspace.submit("acme.echo", b"x")).wait(10)
    async with with_echo(Workspace.open(data_dir=folder, drive=False)) as workspace:
        for _ in range(waiting):
            await workspace.submit("acme.echo", b"x")
    return folder


def states(findings):
    return {finding.state for finding in findings.values()}


async def test_nothing_yet_is_no_failure(tmp_path):
    findings = await found(tmp_path / "data")
    assert states(findings) == {"ok"}
    assert findings["store"].text.startswith("nothing here yet")
    assert list(findings) == ["configuration", "versions", "machine", "disk", "store", "plots"]
    assert not (tmp_path / "data").exists()


async def test_a_whole_folder(tmp_path):
    findings = await found(await a_folder(tmp_path / "data"), Served("acme.echo"))
    assert states(findings) == {"ok"}
    assert findings["owner"].text == "no process has it open"
    assert findings["store"].text.startswith("3 jobs, of which 0 waiting and 0 executing; ")
    assert "schema 3" in findings["store"].text
    assert findings["store"].advice == ""
    assert findings["clock"].text.endswith("later than all that was written")
    assert findings["blobs"].text.endswith(f"files under {tmp_path / 'data' / 'blobs'}")
    assert findings["configuration"].text == "data_dir from argument"
    assert "kyanite 0" in findings["versions"].text


async def test_jobs_that_nobody_executes_are_told(tmp_path):
    folder = await a_folder(tmp_path, waiting=2)
    findings = await found(folder, Served("acme.echo"))
    assert "2 waiting and 0 executing" in findings["store"].text
    assert "kyanite job watch" in findings["store"].advice
    assert "targets" not in findings
    findings = await found(folder, Served("acme.other"))
    assert findings["store"].advice == ""
    assert findings["targets"].state == "warning"
    assert findings["targets"].text == "jobs that no installed provider serves: 2 on acme.echo"


OWNER = """
import sys

import anyio

from kyanite import Workspace

async def main():
    async with Workspace.open(data_dir=sys.argv[1], drive=False) as workspace:
        workspace.target("acme.echo")(print)
        await workspace.submit("acme.echo", "x")
        print("open", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_beside_an_owner_and_after_its_sudden_end(tmp_path):
    async with await anyio.open_process([sys.executable, "-c", OWNER, str(tmp_path)]) as owner:
        try:
            assert await BufferedByteReceiveStream(owner.stdout).receive_until(b"\n", 100) == b"open"
            beside = await found(tmp_path, Served("acme.echo"))
        finally:
            owner.kill()
    assert states(beside) == {"ok"}
    assert beside["owner"].text == f"process {owner.pid} has {tmp_path} open"
    assert "1 waiting" in beside["store"].text
    assert beside["store"].advice == ""
    after = await found(tmp_path, Served("acme.echo"))
    assert states(after) == {"ok"}
    assert "ended without closing" in after["owner"].text
    assert "1 waiting" in after["store"].text


# What is broken -----------------------------------------------------------------------------------------------------


async def failed(folder, subject, *providers, **options):
    finding = (await found(folder, *providers, **options))[subject]
    assert finding.state == "failed"
    assert finding.advice
    return finding.text


async def test_a_file_that_is_no_store(tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"no database " * 1_000)
    assert "not a database" in await failed(tmp_path, "store")


async def test_a_store_of_a_newer_release(tmp_path):
    await a_folder(tmp_path)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "schema version 99" in await failed(tmp_path, "store")


async def test_a_store_whose_newest_event_is_damaged(tmp_path):
    await a_folder(tmp_path)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET body = '?'")
    assert "can not be read" in await failed(tmp_path, "store")


async def test_a_folder_that_can_not_be_written(tmp_path, monkeypatch):
    folder = await a_folder(tmp_path / "data")
    # Whoever runs the tests may be allowed everything, so that taking the right away would change nothing.
    real, closed = os.access, {folder, folder / "jobs.sqlite", tmp_path}
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in closed and real(path, mode))
    assert await failed(folder, "owner") == f"{folder} can not be written by this user"
    assert "can not be written" in await failed(tmp_path / "none", "store")
    closed.add(folder / "blobs" / "tmp")
    assert "tmp can not be read and written" in await failed(folder, "blobs")


async def test_settings_that_name_no_store(tmp_path):
    assert "ftp:" in await failed(tmp_path, "store", **{"store.url": "ftp://host/path"})


async def test_a_store_in_memory_needs_nothing(tmp_path):
    findings = await found(tmp_path, **{"store.url": "memory:", "blobs.url": "memory:"})
    assert states(findings) == {"ok"}
    assert "nothing is kept" in findings["store"].text


@pytest.mark.parametrize("what", ["event", "file"])
async def test_a_clock_that_was_set_back(tmp_path, what):
    await a_folder(tmp_path)
    if what == "file":
        ahead = datetime.now(UTC).timestamp() + 3_600
        os.utime(tmp_path / "jobs.sqlite", (ahead, ahead))
        clock = None
    else:
        clock = FakeClock(datetime.now(UTC) - timedelta(hours=1))
    finding = (await found(tmp_path, clock=clock))["clock"]
    assert finding.state == "warning"
    assert finding.text.endswith("the clock was set back")
    assert finding.advice


async def test_a_provider_that_is_broken_in_any_way(tmp_path, monkeypatch):
    sick = Finding("acme", "failed", "it is sick", "see a doctor")
    assert await failed(tmp_path, "acme", Served(finding=sick)) == "it is sick"
    assert "boom" in await failed(tmp_path, "provider acme", Served(error=RuntimeError("boom")))
    point = SimpleNamespace(name="gone", load=lambda: 1 / 0)
    monkeypatch.setattr(diagnosis, "entry_points", lambda group: [point])
    assert "ZeroDivisionError" in await failed(tmp_path, "provider gone")


async def test_options_that_no_provider_takes(tmp_path):
    flags = {"data_dir": tmp_path, "providers": {"nobody": {"x": 1}}}
    findings = {finding.subject: finding async for finding in diagnose(resolve(flags=flags))}
    assert findings["providers"].state == "failed"
    assert "nobody is not installed" in findings["providers"].text


async def test_many_settings_are_counted(tmp_path):
    flags = {f"limits.{name}": 1 for name in ("cores", "memory_bytes", "gpus", "input_max_bytes", "restarts_max")}
    finding = (await found(tmp_path, **flags))["configuration"]
    assert finding.text.endswith("; 2 more")
    assert "kyanite config show --origin" in finding.advice


# What it stands on --------------------------------------------------------------------------------------------------


def a_disk(monkeypatch, free_bytes=1 << 40, files=10**9):
    """Let every disk be like this."""
    blocks = SimpleNamespace(f_frsize=1, f_bavail=free_bytes, f_blocks=1 << 41, f_files=files, f_favail=files)
    monkeypatch.setattr(os, "statvfs", lambda _: blocks)


@pytest.mark.parametrize(
    ("free_bytes", "state"), [(1 << 20, "failed"), (ground.FREE_WARNING_BYTES - 1, "warning"), (1 << 40, "ok")]
)
def test_disks_that_fill_up(tmp_path, monkeypatch, free_bytes, state):
    a_disk(monkeypatch, free_bytes)
    (finding,) = ground.disks({"store": tmp_path, "blobs": tmp_path / "not" / "there"})
    assert (finding.subject, finding.state) == ("disk", state)
    assert finding.text.endswith("for store, blobs")
    assert bool(finding.advice) is (state != "ok")


def test_disks_without_room_for_files(tmp_path, monkeypatch):
    a_disk(monkeypatch, files=7)
    (finding,) = ground.disks({"store": tmp_path})
    assert finding.state == "warning"
    assert finding.text.endswith("but for 7 files only")


@pytest.mark.parametrize(("name", "state"), [("store", "warning"), ("cache", "ok")])
def test_a_store_over_a_network(tmp_path, monkeypatch, name, state):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {tmp_path} nfs4 rw 0 0\nnone /proc proc rw 0 0\n")
    monkeypatch.setattr(ground, "MOUNTS", mounts)
    (finding,) = ground.disks({name: tmp_path})
    assert finding.state == state


def test_every_disk_has_its_finding(tmp_path):
    elsewhere = Path("/proc")
    assert len(list(ground.disks({"store": tmp_path, "blobs": elsewhere, "cache": tmp_path}))) == 2


@pytest.mark.parametrize(
    ("limits", "share", "state"),
    [
        (LimitSettings(), "max\n", "ok"),
        (LimitSettings(), "1048576\n", "warning"),
        (LimitSettings(memory_bytes=1 << 19), "1048576\n", "ok"),
        (LimitSettings(cores=10_000), "max\n", "warning"),
    ],
)
def test_what_jobs_may_occupy_is_compared_with_what_there_is(tmp_path, monkeypatch, limits, share, state):
    (tmp_path / "memory.max").write_text(share)
    monkeypatch.setattr(ground, "CGROUP_MEMORY", tmp_path / "memory.max")
    finding = ground.machine(limits)
    assert finding.state == state
    assert bool(finding.advice) is (state == "warning")


def test_versions_that_are_too_old_or_missing(monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 0))
    assert ground.versions().state == "failed"
    assert ground._version("no-such-package") == "(not installed)"


def test_working_folders_follow_the_settings(monkeypatch):
    settings = resolve(environ={}).settings
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert ground.working_folders(settings)["cache"] == Path("/somewhere/kyanite")
    chosen = replace(settings, providers={"local": {"cache_dir": "/else", "scratch_dir": "/scratch"}})
    assert ground.working_folders(chosen) == {"cache": Path("/else"), "temporary files": Path("/scratch")}


def test_a_log_that_is_never_folded_in_is_told(tmp_path, monkeypatch):
    path = tmp_path / "jobs.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    path.with_name("jobs.sqlite-wal").write_bytes(b"x" * 100)
    monkeypatch.setattr(storage, "LOG_WARNING_BYTES", 99)
    monkeypatch.setattr(storage, "_schema", lambda _: 1)
    assert storage._jobs(path, {}, idle=False).state == "warning"


def test_the_plot_extra_is_looked_for(monkeypatch):
    monkeypatch.setattr(diagnosis, "find_spec", lambda _: None)
    assert diagnosis._plots().advice == 'for plots, pip install "kyanite[plot]"'


def test_the_holder_of_a_lock_is_seen_without_touching_it(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    assert ownership.holder(path) is None
    with path.open("w") as lock:
        assert ownership.holder(path) is None
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ownership.holder(path) == os.getpid()
    assert ownership.holder(path) is None
    monkeypatch.setattr(ownership, "LOCKS", tmp_path / "none")
    assert ownership.holder(path) is None


def test_size_is_told_in_the_unit_that_fits():
    assert (ground.size(1 << 19), ground.size(3 << 30)) == ("0.5 MiB", "3.0 GiB")
