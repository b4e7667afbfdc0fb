"""Runs the groups that are named, or all of them, prints their tables, and writes them into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import kyanite_kernels
from kyanite_providers.local.environment import cache_folder
from tests.bench import groups
from tests.bench.machine import cpu_model

COMMAND = "bench-kernels"

# Where workers and tests keep them, so that they are compiled once; before numba's import, which reads the variable.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder(None, groups.PAGE.parents[1] / "build")))

GROUPS: dict[str, tuple[str, str]] = {
    "unit": ("fixed_work", "unit"),
    "integer": ("fixed_work", "integer"),
    "real": ("fixed_work", "real"),
    "dense": ("fixed_work", "dense"),
    "cubic": ("fixed_work", "cubic"),
    "one": ("fixed_work", "one"),
    "tts": ("time_to_target", "time_to_target"),
    "tabu": ("tabu", "tabu_to_best"),
    "auto": ("auto", "to_best_known"),
    "threads": ("threads", "two_over_one"),
    "memory": ("long_problem", "peak"),
    "stop": ("stop", "after_the_flag"),
    "start": ("stop", "in_a_ready_worker"),
}
"""By name: the module and the function, whose docstring is its title. Imported late: see the cache above."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = groups.parsed(arguments, "python -m tests.bench.kernels", __doc__, GROUPS)
    try:
        with tempfile.TemporaryDirectory(prefix="kyanite-bench-", dir=options.dir) as folder:
            measure(options, Path(folder))
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return groups.INTERRUPTED
    return 0


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Run one group after another; each is printed, and written if wanted, as soon as it is there."""
    from tests.bench.kernels import peers
    from tests.bench.kernels.group import Setting

    if options.quick:
        print("quick: this proves that the measurements run; the figures mean nothing\n")
    kyanite_kernels.warm(lambda name, share: print(f"kernels: {name}, {share:.0%}", file=sys.stderr))
    with peers.opened(folder) as opened:
        if opened is None:
            print("the peers are not installed: their figures are absent (`make bench-kernels` installs them)\n")
        setting = Setting(quick=options.quick, peers=opened, folder=folder)
        for name in options.names or GROUPS:
            run, start, where = group(name), time.perf_counter(), machine(opened.versions if opened else {})
            grid = run(setting)
            title, notes = groups.title_of(name, run), [*grid.notes, where]
            groups.show(f"{name}: {title} ({time.perf_counter() - start:.0f} s)", grid, notes)
            if options.write:
                groups.write(COMMAND, GROUPS, name, f"Kernels, {name}\n\n{title}.", grid, notes)


def group(name: str) -> Callable:
    """Return what measures a group."""
    module, function = GROUPS[name]
    return getattr(import_module(f"tests.bench.kernels.{module}"), function)


def machine(versions: dict[str, str]) -> str:
    """Describe where, and with what, something is measured."""
    installed = {name: version(name) for name in ("numba", "numpy")} | versions
    return (
        f"Machine: {cpu_model()}, {len(os.sched_getaffinity(0))} cores, vectors of {vector_bits()} bits, "
        f"load {os.getloadavg()[0]:.1f} at the start; {platform.system()}, Python {platform.python_version()}, "
        f"{', '.join(f'{name} {number}' for name, number in installed.items())}."
    )


def vector_bits() -> int:
    """Return the width of the widest vectors that the compiler of the kernels may use here."""
    from llvmlite.binding import get_host_cpu_features

    features = get_host_cpu_features()
    return 512 if features.get("avx512f") else 256 if features.get("avx2") else 128


if __name__ == "__main__":
    sys.exit(main())
