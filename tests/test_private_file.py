import os
import stat

import pytest

from kyanite.private_file import SECRET_BYTES, kept_secret, open_lock, write_private


def test_it_is_written_as_a_whole_and_for_nobody_else(tmp_path):
    path = tmp_path / "folder" / "file"
    for content in (b"one", b"another"):
        write_private(path, content)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "secret"
    secret = kept_secret(path)
    assert len(secret) == SECRET_BYTES
    assert kept_secret(path) == secret == path.read_bytes()
    assert kept_secret(tmp_path / "other") != secret


def test_one_that_was_cut_is_made_anew(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"short")
    assert len(kept_secret(path)) == SECRET_BYTES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_whom_the_folder_does(tmp_path):
    os.chown(tmp_path, 65_534, 65_533)
    write_private(tmp_path / "file", b"x")
    found = (tmp_path / "file").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65_534, 65_533, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_lock_that_root_makes_does_not_lock_the_daemon_out(tmp_path):
    os.chown(tmp_path, 65_534, 65_533)
    for _ in range(2):
        os.close(open_lock(tmp_path / "lock"))
        found = (tmp_path / "lock").stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65_534, 65_533, 0o600)
        os.chown(tmp_path / "lock", 0, 0)  # as it was left by a release that did not think of it


def test_a_lock_is_nobody_elses_file(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.touch()
    (tmp_path / "lock").symlink_to(theirs)
    with pytest.raises(OSError, match="symbolic links"):
        open_lock(tmp_path / "lock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_lock_with_another_name_is_not_given_away(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.touch()
    os.chown(tmp_path, 65_534, 65_533)
    (tmp_path / "lock").hardlink_to(theirs)
    os.close(open_lock(tmp_path / "lock"))
    assert theirs.stat().st_uid == 0
