"""Writes a max-cut problem of about so many megabytes: `python -m tests.bench.large_problem FILE MEGABYTES`."""

from __future__ import annotations

import sys
from pathlib import Path

from kyanite.problems import max_cut, serialized

BYTES_A_TERM = 29
TERMS_A_VARIABLE = 20


def main(file: str, megabytes: str) -> int:
    """Write the file; the same bytes for the same size."""
    edges = int(megabytes) * 1_000_000 // BYTES_A_TERM
    Path(file).write_bytes(serialized(max_cut(edges // TERMS_A_VARIABLE, edges=edges, seed=1)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
