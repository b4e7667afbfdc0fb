"""Folders that a test throws away: in memory where the system has such a place, as nothing in them has to last."""

import os
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")


def fresh_folder(name):
    """Return a new, empty folder, in `TMPDIR` where that is set; whoever asks for it removes it."""
    where = IN_MEMORY if IN_MEMORY.is_dir() and "TMPDIR" not in os.environ else None
    return Path(tempfile.mkdtemp(prefix=f"kyanite-{name}-", dir=where))
