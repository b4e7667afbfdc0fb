"""One run in the worker: solve, and write the results into the reply or, if they are long, into a file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from kyanite_providers.local.frames import Run, Solved
from kyanite_providers.local.parameters import TARGETS
from kyanite_providers.local.results import Solutions, results_json
from kyanite_providers.local.solve import solve

if TYPE_CHECKING:
    from kyanite_providers.local.problem import Problem

INLINE_BYTES_MAX: Final = 1 << 16


def execute(request: Run, problem: Problem, block: mmap.mmap) -> Solved:
    """Solve the problem as asked and return where its results are."""
    parameters = msgspec.convert(request.parameters, TARGETS[request.target])
    control = np.frombuffer(block, dtype=np.float64)
    result, chosen = solve(problem, parameters, request.search_s, control)
    pieces = results_json(problem.ids, Solutions(result.states, result.costs), chosen)
    output, size = _written(pieces, Path(request.output_path))
    return Solved(output, size, float(result.costs[0]), result.sweeps_done)


def _written(pieces: Iterator[bytes], path: Path) -> tuple[bytes | None, int]:
    """Collect the pieces while they are short; from then on write them to `path`, which must not exist."""
    head = bytearray()
    for piece in pieces:
        head += piece
        if len(head) > INLINE_BYTES_MAX:
            break
    else:
        return bytes(head), len(head)
    with path.open("xb") as file:
        size = file.write(head)
        size += sum(file.write(piece) for piece in pieces)
    return None, size
