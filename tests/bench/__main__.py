"""Runs the measurements that are named, or all of them, and prints their figures."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import lag, latency, machine, memory, page, solve, throughput
from tests.bench.scale import Scale
from tests.bench.table import Figure, Sections, aligned, as_json, markdown

MEASUREMENTS: dict[str, Callable[[Scale], list[Figure]]] = {
    "throughput": throughput.figures,
    "latency": latency.figures,
    "memory": memory.figures,
    "lag": lag.figures,
    "solve": solve.figures,
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = parsed(arguments)
    root = Path(tempfile.mkdtemp(prefix="kyanite-bench-", dir=options.dir))
    sections: Sections = {}
    try:
        scale = Scale(quick=options.quick, profile=options.profile or options.write, root=root)
        measure(scale, options.names or list(MEASUREMENTS), sections)
    except KeyboardInterrupt:
        print("\ninterrupted; what was measured before stands above", file=sys.stderr)
        return INTERRUPTED
    finally:
        shutil.rmtree(root, ignore_errors=True)
        if options.json and sections:
            options.json.write_text(as_json(sections), encoding="utf-8")
    if options.write:
        PAGE.write_text(page.kept(markdown(sections), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def measure(scale: Scale, names: Sequence[str], sections: Sections) -> None:
    """Fill in and print one section after another."""
    if scale.quick:
        print("quick: this proves that the measurements run; the figures mean nothing\n")
    for name in ["machine", *names]:
        start = time.perf_counter()
        sections[name] = machine.figures(scale) if name == "machine" else MEASUREMENTS[name](scale)
        print(aligned(f"{name} ({time.perf_counter() - start:.1f} s)", sections[name]), end="\n\n", flush=True)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(MEASUREMENTS)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: only proves that it runs")
    parser.add_argument("--profile", action="store_true", help="tell where the event loop's time goes, too")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="where to write meanwhile")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there for programs, too")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md anew, profile included")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in MEASUREMENTS:
            parser.error(f"{name!r} is not one of {', '.join(MEASUREMENTS)}")
    if options.write and (options.quick or options.names):
        parser.error("--write needs a full run of everything: the page shows figures of one run")
    return options


if __name__ == "__main__":
    sys.exit(main())
