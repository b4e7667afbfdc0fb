"""Whether a cache folder holds all compiled kernels: a question that loads neither numpy nor numba."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def is_complete(folder: Path) -> bool:
    """Tell whether everything that this interpreter and this package would compile is there."""
    return _mark(folder).exists()


def mark_complete(folder: Path) -> None:
    """Note that everything is there."""
    _mark(folder).touch()


def _mark(folder: Path) -> Path:
    # Numba keeps code by interpreter, and by the place and the time of its source.
    package = Path(__file__).parent
    stamps = [sys.version, str(package), *(str(path.stat().st_mtime_ns) for path in sorted(package.rglob("*.py")))]
    return folder / f"complete-{hashlib.sha256(' '.join(stamps).encode()).hexdigest()[:16]}"
