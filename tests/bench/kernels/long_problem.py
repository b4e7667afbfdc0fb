"""A problem of five million terms: read, solved and written in a process of its own; its peak against its arrays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench.kernels.group import Setting
from tests.bench.kernels.peers import ROOT
from tests.bench.table import Cell, Grid

COLUMNS: Final = (
    *("input", "terms", "MiB", "arrays, MiB", "peak: read, MiB", "solved", "written", "peak to arrays", "at most"),
    *("read, s", "solved, s", "written, s"),
)
_TERMS_A_VARIABLE: Final = 5
_CHUNK: Final = 50_000
_LIMIT: Final = 4.0
_MIB: Final = 1 << 20


def peak(setting: Setting) -> Grid:
    """Peak memory of reading, solving and writing a long problem."""
    terms = setting.of(5_000_000, 20_000)
    notes = [
        (
            "Memory above that of a process that has solved a small problem; arrays are those of the problem as read. "
            "Solved by kyanite.auto.cpu; the peak is the highest up to then."
        )
    ]
    rows: list[tuple[Cell, ...]] = []
    for name, digits in (("weights of two decimals", 2), ("weights of 17 digits", 0)):
        path = setting.folder / "long.json"
        written(path, terms, digits)
        told = _measured(path, setting.folder / "output.json", setting.of(20, 1))
        arrays = told["arrays"]
        peaks = [told[f"{step}_peak"] for step in ("read", "solved", "written")]
        cells: list[Cell] = [name, terms, path.stat().st_size / _MIB, arrays / _MIB]
        cells += [each / _MIB for each in peaks]
        cells += [peaks[-1] / arrays, _LIMIT, told["read_s"], told["solved_s"], told["written_s"]]
        rows.append(tuple(cells))
        path.unlink()
    return Grid(COLUMNS, rows, notes)


def written(path: Path, terms: int, digits: int) -> None:
    """Write pairs of a sparse random graph with normal weights, of so many decimals (0: all), piece by piece."""
    random, n = np.random.default_rng(1), terms // _TERMS_A_VARIABLE
    with path.open("w", encoding="ascii") as file:
        file.write('{"cost_function": {"version": "1.0", "type": "ising", "terms": [')
        for begin in range(0, terms, _CHUNK):
            count = min(_CHUNK, terms - begin)
            i = np.arange(begin, begin + count) % n
            j = (i + random.integers(1, n, count)) % n
            weights = random.normal(size=count)
            rows = zip((weights.round(digits) if digits else weights).tolist(), i.tolist(), j.tolist(), strict=True)
            text = ", ".join(f'{{"c": {c!r}, "ids": [{a}, {b}]}}' for c, a, b in rows)
            file.write((", " if begin else "") + text)
        file.write("]}}")


def _measured(path: Path, output: Path, search_s: int) -> dict[str, float]:
    output.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.kernels.long_problem_process", str(path), str(output), str(search_s)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
