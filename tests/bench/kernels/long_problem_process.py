"""Reads a problem, solves it and writes the result, as a worker does: `... FILE OUTPUT SECONDS`.

Prints one JSON object: the bytes of the problem's arrays, and after each step its seconds and the process's highest
memory so far, above what it began with.
"""

from __future__ import annotations

import json
import sys
import time
from hashlib import file_digest
from pathlib import Path

import numpy as np

from kyanite_kernels.control import local_control
from kyanite_providers.local.frames import Run, Source
from kyanite_providers.local.parameters import TARGETS
from kyanite_providers.local.problem import Problem, read_problem
from kyanite_providers.local.results import Solutions, results_json
from kyanite_providers.local.solve import solve
from tests.bench.waiting_process import resident_bytes

TARGET = "kyanite.auto.cpu"
INFLATED_MAX = 1 << 31
_SMALL = b'{"cost_function":{"version":"1.0","type":"ising","terms":[{"c":1,"ids":[0,1]},{"c":0.3,"ids":[1]}]}}'


def main(file: str, output: str, seconds: str) -> int:
    """Measure and print."""
    print(json.dumps(measured(Path(file), Path(output), float(seconds))))
    return 0


def measured(file: Path, output: Path, search_s: float) -> dict[str, float]:
    """Read, solve and write, and tell of each step."""
    for content in (_SMALL, _SMALL[:-2] + b" " * (1 << 23) + b"}}"):  # the short way in, and the long one
        one_by_one(Source("", content=content), output, 1.0)
    with file.open("rb") as opened:
        source = Source(file_digest(opened, "sha256").hexdigest(), path=str(file))
    before = resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest memory counts from here
    return one_by_one(source, output, search_s, before)


def one_by_one(source: Source, output: Path, search_s: float, before: int = 0) -> dict[str, float]:
    """Make the three steps."""
    told: dict[str, float] = {}
    start = time.perf_counter()

    def step(name: str) -> None:
        nonlocal start
        told[f"{name}_s"] = time.perf_counter() - start
        told[f"{name}_peak"] = resident_bytes("VmHWM") - before
        start = time.perf_counter()

    problem = read_problem(source, INFLATED_MAX)
    step("read")
    request = Run(source, INFLATED_MAX, TARGET, {}, search_s, str(output), threads=2)
    result, chosen = solve(problem, request, TARGETS[TARGET].parameters(seed=1), local_control())
    step("solved")
    with output.open("wb") as file:
        for piece in results_json(problem.ids, Solutions(result.states, result.costs), chosen):
            file.write(piece)
    step("written")
    return told | {"arrays": float(array_bytes(problem))}


def array_bytes(problem: Problem) -> int:
    """Return the size of a problem's arrays."""
    values = (getattr(problem, name) for name in problem.__dataclass_fields__)
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
