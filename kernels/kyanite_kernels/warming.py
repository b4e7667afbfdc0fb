"""Compiling the closed set of kernels: each solver once on a tiny problem, then no compilation any more.

An example call rather than a list of signatures: it takes the way that jobs take, so the two cannot disagree. Where
numba keeps a cache, what is missing is compiled by several processes at a time, each taking one step after another
(`python -m kyanite_kernels.warming STEP`), and a lock in the cache folder keeps a second caller from doing it again.
"""

from __future__ import annotations

import fcntl
import math
import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.cache import is_complete, mark_complete
from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.bifurcation import warm_bifurcation
from kyanite_kernels.ising.blocks import Medium, run_blocks
from kyanite_kernels.ising.changes import changes
from kyanite_kernels.ising.energy import energy
from kyanite_kernels.ising.forms.kinds import BITS, DENSE, GENERAL, LANES, PRODUCTS, SOLO, Kind
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.path_integral import warm_path_integral
from kyanite_kernels.ising.simulated_annealing import annealing_plan
from kyanite_kernels.ising.substochastic import warm_substochastic
from kyanite_kernels.ising.tabu import warm_tabu
from kyanite_kernels.ising.terms import Terms
from kyanite_kernels.jit import close_entry_points
from kyanite_kernels.random_stream import seed_array
from kyanite_kernels.text import warm_json_terms, warm_protobuf_terms

if TYPE_CHECKING:
    from collections.abc import Callable

_PROCESSES_MAX: Final = 8
_LOCK: Final = "lock"

_NARROW, _WIDE, _REAL = 1.0, 1e3, math.pi
"""A second coefficient beside 1 for which fields take 8 bits, 16 bits, and a float."""


def _triangle(coefficient: float) -> Terms:
    return Terms("ising", 2, np.array([1.0, coefficient]), np.array([0, 2, 3]), np.array([0, 1, 0]))


def _cubic(coefficient: float) -> Terms:
    return Terms("ising", 3, np.array([1.0, coefficient]), np.array([0, 3, 4]), np.array([0, 1, 2, 0]))


def _sample(kind: Kind, terms: Terms) -> Callable[[], None]:
    def step() -> None:
        medium = Medium(kind, kind.form_of(terms), terms.n)
        initial = np.full(terms.n, UNSET, dtype=np.int8)
        with Crew() as crew:
            run_blocks(crew, medium, [(medium.whole(1), annealing_plan(1, 0.1, 1.0))], seed_array(0), 0, initial, 1)

    return step


def _look() -> None:
    state = np.ones((1, 2), dtype=np.int8)
    energy(_triangle(_NARROW), state)
    changes(_triangle(_NARROW), state[0])


STEPS: Final[dict[str, Callable[[], None]]] = {
    # The longest first, so that no process is left with one in the end.
    "sampling of words": _sample(BITS, _triangle(_NARROW)),
    "sampling of any problem": _sample(GENERAL, _cubic(_NARROW)),
    "tabu search": warm_tabu,
    "sampling of dense problems": _sample(DENSE, _triangle(_NARROW)),
    "sampling in 8 bits": _sample(LANES, _triangle(_NARROW)),
    "sampling in 16 bits": _sample(LANES, _triangle(_WIDE)),
    "sampling in floats": _sample(LANES, _triangle(_REAL)),
    "products in 8 bits": _sample(PRODUCTS, _cubic(_NARROW)),
    "products in 16 bits": _sample(PRODUCTS, _cubic(_WIDE)),
    "products in floats": _sample(PRODUCTS, _cubic(_REAL)),
    "sampling of one lane": _sample(SOLO, _triangle(_NARROW)),
    "path-integral Monte Carlo": warm_path_integral,
    "substochastic Monte Carlo": warm_substochastic,
    "simulated bifurcation": warm_bifurcation,
    "JSON": warm_json_terms,
    "protobuf": warm_protobuf_terms,
    "energies": _look,
}
"""What there is to compile, by name."""


def warm_all(progress: Callable[[str, float], None] | None) -> None:
    """Have everything compiled or loaded, telling `progress` of what is compiled, and close the entry points."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    if folder is not None:
        _fill(Path(folder), progress)
    for step in STEPS.values():
        step()
    close_entry_points()
    if progress is not None:
        progress("ready", 1.0)


def _fill(folder: Path, progress: Callable[[str, float], None] | None) -> None:
    """Compile into the cache what is not there, in several processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_complete(folder):
            _compile_all(progress)
            mark_complete(folder)


def _compile_all(progress: Callable[[str, float], None] | None) -> None:
    waiting, running = deque(STEPS), deque[tuple[str, subprocess.Popen[bytes]]]()
    while waiting or running:
        while waiting and len(running) < _processes():
            name = waiting.popleft()
            running.append((name, subprocess.Popen([sys.executable, "-m", __name__, name])))  # noqa: S603
        name, process = running.popleft()
        if progress is not None:
            progress(name, 1.0 - (len(waiting) + len(running) + 1) / len(STEPS))
        if process.wait():
            # It is compiled here then, and what goes wrong is seen.
            STEPS[name]()


def _processes() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _PROCESSES_MAX)


if __name__ == "__main__":
    STEPS[sys.argv[1]]()
