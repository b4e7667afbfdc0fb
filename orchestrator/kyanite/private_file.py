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
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
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


def kept_secret(path: Path) -> bytes:
    """Return the random bytes in a file, which is made if it is missing or has another length. Raises `OSError`."""
    with suppress(FileNotFoundError):
        secret = path.read_bytes()
        if len(secret) == SECRET_BYTES:
            return secret
    secret = token_bytes(SECRET_BYTES)
    write_private(path, secret)
    return secret
