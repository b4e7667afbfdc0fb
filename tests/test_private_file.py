import os
import stat

import pytest

from kyanite.private_file import SECRET_BYTES, kept_secret, write_private


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
