"""A folder for files on their way between parent and workers; it goes with its owner, however that one ends.

The owner holds a lock on a file inside. Whoever makes the next folder beside it removes those that nobody
holds: what a killed process left behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_PREFIX: Final = "kyanite-"
_LOCK: Final = "owner.lock"


class Scratch:
    """A new folder in `parent` (default: the system's temporary folder)."""

    def __init__(self, parent: str | Path | None) -> None:
        """Make the folder, and remove abandoned ones. Raises `OSError`."""
        beside = Path(parent or tempfile.gettempdir())
        beside.mkdir(parents=True, exist_ok=True)
        _sweep(beside)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=beside))
        unlocked = self.path / f"{_LOCK}.new"
        self._lock_fd = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        # Under its name only once it is held: a folder without it is being made, and not abandoned.
        unlocked.rename(self.path / _LOCK)

    def close(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock_fd)


def _sweep(beside: Path) -> None:
    for folder in beside.glob(f"{_PREFIX}*"):
        if _is_ours(folder) and _is_abandoned(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not folder.is_symlink()


def _is_abandoned(lock: Path) -> bool:
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
