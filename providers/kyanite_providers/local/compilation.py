"""Compiles the kernels into the folder where workers find them: `python -m kyanite_providers.local.compilation`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import kyanite_kernels
from kyanite_kernels.cache import is_complete
from kyanite_providers.local.environment import cache_folder


def report(name: str, fraction: float) -> None:
    """Say on standard error how far the compilation is."""
    if fraction < 1:
        print(f"Compiling the solvers' kernels, once: {fraction:4.0%}, {name}", file=sys.stderr, flush=True)  # noqa: T201


def main() -> None:
    """Compile what is not there."""
    with tempfile.TemporaryDirectory() as elsewhere:
        folder = cache_folder(None, Path(elsewhere))
        if not is_complete(folder):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            kyanite_kernels.warm(report)


if __name__ == "__main__":
    main()
