"""`kyanite backup`: beside a daemon, and back again; what is in a copy, and what it says when it can not be made."""

import json
import shutil
import signal
import stat
from contextlib import contextmanager

import pytest

from kyanite.cli.exits import Exit
from kyanite.http.keys import Keys
from tests.cli.places import PATIENCE_S, child

NOT_COPIED = {
    *(f"{name}.sqlite-{what}" for name in ("jobs", "small") for what in ("wal", "shm")),
    *("jobs.sqlite.lock", "keys.lock", "lock", "daemon.json"),
}
"""What only means something to the processes that have the folder open."""


@contextmanager
def served(folder, *arguments):
    process = child("serve", "--listen", "127.0.0.1:0", "-q", "--data-dir", folder, *arguments)
    with process:
        try:
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


@pytest.fixture
def folder(jobs, tmp_path):
    """A copy of the folder with jobs, and a key."""
    place = shutil.copytree(jobs[0], tmp_path / "data")
    Keys(place).create("kept")
    return place


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_beside_a_daemon_and_back(call, folder, tmp_path):
    pytest.importorskip("cryptography")
    copy = tmp_path / "backups" / "monday"
    with served(folder, "--dev-tls") as address:
        assert address.startswith("https://")
        assert call("backup", copy, "--data-dir", folder) == (Exit.OK, f"5 jobs, 6 blobs: {copy}\n", "")
        assert "gateway.key" in files(copy)
        assert {file.rpartition("/")[2] for file in files(folder) - files(copy)} <= NOT_COPIED
    sound = (Exit.OK, "5 jobs checked, 13 events, 6 blobs: all sound\n", "")
    assert call("check", "--blobs", "--data-dir", copy) == sound

    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    assert call("check", "--blobs", "--data-dir", folder) == sound
    authority = (folder / "tls" / "ca.pem").read_bytes()
    with served(folder, "--dev-tls"):
        assert [key.name for key in Keys(folder).all()] == ["kept"]
        assert (folder / "tls" / "ca.pem").read_bytes() == authority
        assert call("job", "list", "-o", "name", "--data-dir", folder).out.count("\n") == 5


def test_only_its_owner_looks_into_a_copy(call, folder, tmp_path):
    (folder / "keys.json").chmod(0o644)
    assert call("backup", tmp_path / "copy", "--data-dir", folder).code == Exit.OK
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "copy" / "keys.json").stat().st_mode) == 0o600


def test_for_programs_it_is_a_record(call, folder, tmp_path):
    code, out, err = call("backup", tmp_path / "copy", "--data-dir", folder, "-o", "json")
    assert (code, err) == (Exit.OK, "")
    assert json.loads(out) == {"jobs": 5, "blobs": 6, "files": 0, "file_bytes": 0, "deleted": 0, "missing": []}


def test_why_there_is_none_is_one_line(call, folder, tmp_path):
    (tmp_path / "there").write_text("")
    for arguments, what in (
        ((folder, "--data-dir", folder), "exists; a backup is made where nothing is"),
        ((tmp_path / "copy", "--data-dir", tmp_path / "nothing"), "there are no jobs in"),
        ((tmp_path / "there" / "copy", "--data-dir", folder), "Not a directory"),
    ):
        code, out, err = call("backup", *arguments)
        assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1)
        assert what in err
    assert {path.name for path in tmp_path.iterdir()} == {"data", "there"}


def test_a_lost_file_is_an_error(call, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("kyanite.runtime.backup.copy_files", lambda root, copy, tick: (0, 0, ["default/job-1/lost"]))
    monkeypatch.setattr("kyanite.runtime.backup.left_of", lambda root, keys: keys)
    code, out, err = call("backup", tmp_path / "copy", "--data-dir", folder)
    assert (code, out.count("\n"), err) == (Exit.ERROR, 1, "the file of default/job-1/lost is lost\n")
