"""One run in the worker: solve, and write the results into the reply or, if they are long, into a file."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from kyanite_providers.local.convergence import convergence
from kyanite_providers.local.frames import Run, Solved
from kyanite_providers.local.parameters import TARGETS
from kyanite_providers.local.results import Solutions, results_json
from kyanite_providers.local.solve import solve

if TYPE_CHECKING:
    from kyanite_providers.local.problem import Problem

INLINE_BYTES_MAX: Final = 1 << 16


def execute(request: Run, problem: Problem, block: mmap.mmap) -> Solved:
    """Solve the problem as asked and return where its results are."""
    parameters = msgspec.convert(request.parameters, TARGETS[request.target].parameters)
    control = np.frombuffer(block, dtype=np.float64)
    began_s = time.perf_counter()
    result, chosen = solve(problem, request, parameters, control)
    search_s = time.perf_counter() - began_s
    cost = float(result.costs[0])
    pieces = results_json(problem.ids, Solutions(result.states, result.costs), chosen)
    output, size = _written(pieces, Path(request.output_path))
    points = convergence(result.trace, (search_s, result.sweeps_done, cost))
    return Solved(output, size, cost, result.sweeps_done, round(search_s, 4), points)


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
