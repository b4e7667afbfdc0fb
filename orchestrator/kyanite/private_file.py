"""Files that only the user of the daemon may read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex

from kyanite.folder import make_folder, sync_folder

SECRET_BYTES = 32


def write_private(path: Path, content: bytes) -> None:
    """Write a file as a whole, durably, with mode 0600: whoever reads finds the old one or the new. Raises `OSError`.

    Missing folders are made. What root writes belongs to whom the folder does: the daemon runs as that user.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _give_away(descriptor, path.parent)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    sync_folder(path.parent)


def open_lock(path: Path) -> int:
    """Open a file that processes lock before they change others, and return its descriptor. Raises `OSError`.

    Like what `write_private` writes, it belongs to whom the folder does: one of root's would lock the daemon out. Links
    are not followed, and what has another name is not given away: neither may it be somebody else's file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_nlink == 1:
            _give_away(descriptor, path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def kept_secret(path: Path) -> bytes:
    """Return the random bytes in a file, which is made if it is missing or has another length. Raises `OSError`."""
    with suppress(FileNotFoundError):
        secret = path.read_bytes()
        if len(secret) == SECRET_BYTES:
            return secret
    secret = token_bytes(SECRET_BYTES)
    write_private(path, secret)
    return secret


def _give_away(descriptor: int, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
