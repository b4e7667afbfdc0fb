"""What commands that measure in groups have in common: their options, and where a group's table goes."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.bench import page
from tests.bench.table import Grid, aligned_rows, markdown_rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
INTERRUPTED = 130


def parsed(
    arguments: Sequence[str] | None, program: str, description: str | None, groups: Iterable[str]
) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("names", nargs="*", metavar="GROUP", help=f"any of {', '.join(groups)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: only proves that it runs")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), help="where to write meanwhile")
    parser.add_argument("--write", action="store_true", help="write each group's table into docs/performance.md, too")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in groups:
            parser.error(f"{name!r} is not one of {', '.join(groups)}")
    if options.write and options.quick:
        parser.error("--write needs a full run: the page shows figures that mean something")
    return options


def title_of(name: str, measure: Callable[..., Grid]) -> str:
    """Return what a group is called: the first line of what measures it."""
    return (measure.__doc__ or name).partition("\n")[0].rstrip(".")


def show(heading: str, grid: Grid, notes: Iterable[str]) -> None:
    """Print a group's table, and what is to be said of it."""
    print(aligned_rows(heading, grid.columns, grid.rows))
    print(*(f"  {note}" for note in notes), sep="\n", end="\n\n", flush=True)


def write(command: str, groups: Iterable[str], name: str, heading: str, grid: Grid, notes: Iterable[str]) -> None:
    """Put a group's table into the page, in place of the one that this command of make has put there before."""
    part = f"## {heading}\n\n{markdown_rows(grid.columns, grid.rows)}\n\n{' '.join(notes)}"
    PAGE.write_text(page.renewed(PAGE.read_text(encoding="utf-8"), {name: part}, groups, command), encoding="utf-8")
