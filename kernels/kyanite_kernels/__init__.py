"""Compiled kernels of Kyanite: arrays, scalars, a seed and a control block in, arrays out.

Importing this package loads neither numpy nor numba, so that a worker can first set `NUMBA_CACHE_DIR` (by
`fingerprint`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["fingerprint", "warm"]


def fingerprint() -> str:
    """Return 16 hexadecimal digits of the package's source: a name for the cache folder of exactly this code.

    Numba notices a changed entry point but not a changed part of it, so that caches of two versions must not mix.
    """
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def warm(progress: Callable[[str, float], None] | None = None) -> None:
    """Compile every kernel, or load it from numba's cache, and forbid compilation from then on.

    `progress(name, fraction)` is told of each step that is compiled, and ("ready", 1.0) in the end.
    """
    from kyanite_kernels.warming import warm_all

    warm_all(progress)
