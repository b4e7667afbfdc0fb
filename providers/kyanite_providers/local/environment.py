"""What surrounds a worker process: the command that starts it, its environment, the cache of compiled
kernels.
"""

from __future__ import annotations

import os
import site
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import kyanite_kernels

WORKER_MODULE: Final = "kyanite_providers.local.worker"
MEMORY_MAX: Final = "KYANITE_WORKER_MEMORY_MAX_BYTES"
"""The variable that tells a worker its limit."""
_PACKAGES: Final = ("kyanite", "kyanite_providers", "kyanite_kernels")
_SINGLE_THREADED: Final = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def worker_command(connection_fd: int, control_fd: int) -> list[str]:
    """Return the command that starts a worker of this process.

    `-P` keeps the caller's current folder off the module path: a `random.py` lying there is none of ours.
    """
    return [sys.executable, "-P", "-m", WORKER_MODULE, str(connection_fd), str(control_fd), str(os.getpid())]


def worker_environment(cache: Path, memory_max_bytes: int | None = None) -> dict[str, str]:
    """Return this process's environment, with one thread a worker, the cache of compiled kernels at `cache`, and the
    memory that a worker may take (by default all there is).
    """
    environment = dict(os.environ) | dict.fromkeys(_SINGLE_THREADED, "1")
    environment["NUMBA_CACHE_DIR"] = str(cache)
    environment[MEMORY_MAX] = str(memory_max_bytes or _machine_bytes())
    paths = [path for path in (environment.get("PYTHONPATH"), *_roots()) if path]
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def cache_folder(chosen: Path | None, fallback: Path) -> Path:
    """Return a writable folder for the code of exactly these kernels, made if need be.

    It lies in `chosen`, or else in the user's cache folder, or, where that can not be written, in `fallback`.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    preferred = (chosen or Path(home) / "kyanite" / "numba") / kyanite_kernels.fingerprint()
    return preferred if _writable(preferred) else fallback / "numba"


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _roots() -> list[str]:
    """Return the folders that hold our packages, except those that every interpreter of this kind searches
    anyway.
    """
    usual = {Path(folder).resolve() for folder in (*site.getsitepackages(), site.getusersitepackages())}
    roots: dict[str, None] = {}
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            root = Path(folder).resolve().parent
            if root not in usual:
                roots[str(root)] = None
    return list(roots)


def _machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
