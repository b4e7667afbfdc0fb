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
from tests.bench import page
from tests.bench.machine import cpu_model
from tests.bench.table import aligned_rows, markdown_rows

PAGE = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
COMMAND = "bench-kernels"
INTERRUPTED = 130

# Where workers and tests keep them, so that they are compiled once; before numba's import, which reads the variable.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder(None, PAGE.parents[1] / "build")))

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
    options = parsed(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="kyanite-bench-", dir=options.dir) as folder:
            measure(options, Path(folder))
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return INTERRUPTED
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
            title = (run.__doc__ or name).partition("\n")[0].rstrip(".")
            print(aligned_rows(f"{name}: {title} ({time.perf_counter() - start:.0f} s)", grid.columns, grid.rows))
            print(*(f"  {note}" for note in [*grid.notes, where]), sep="\n", end="\n\n", flush=True)
            if options.write:
                notes = " ".join([*grid.notes, where])
                part = f"## Kernels, {name}\n\n{title}.\n\n{markdown_rows(grid.columns, grid.rows)}\n\n{notes}"
                PAGE.write_text(
                    page.renewed(PAGE.read_text(encoding="utf-8"), {name: part}, GROUPS, COMMAND), encoding="utf-8"
                )


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


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kernels", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="GROUP", help=f"any of {', '.join(GROUPS)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: only proves that it runs")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="where to write meanwhile")
    parser.add_argument("--write", action="store_true", help="write each group's table into docs/performance.md, too")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in GROUPS:
            parser.error(f"{name!r} is not one of {', '.join(GROUPS)}")
    if options.write and options.quick:
        parser.error("--write needs a full run: the page shows figures that mean something")
    return options


if __name__ == "__main__":
    sys.exit(main())
