"""Figures and how they are shown: an aligned table for people, Markdown for the documentation, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Cell: TypeAlias = float | str
"""What stands in a table: a number, shown with about four digits, or words."""


class Figure(NamedTuple):
    """One measured number: what it is of, how much, in which unit, and how to read it."""

    figure: str
    value: float | str
    unit: str = ""
    note: str = ""


class Grid(NamedTuple):
    """A table: its columns, its rows, and the sentences that say how to read it."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    notes: list[str]


Sections = dict[str, list[Figure]]
"""Figures by the name of the measurement they come from, in the order they were made."""


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that at least `percent` of all do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return the range of repeated measurements as a note."""
    return f"median of {len(values)}: {min(values):,.{digits}f} to {max(values):,.{digits}f}"


def shown(value: float | str) -> str:
    """Return a value with about four significant digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value == 0:
        return f"{value:,.0f}"
    if not math.isfinite(value):
        return str(value)
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


def aligned(title: str, figures: Iterable[Figure]) -> str:
    """Return one section as text in columns, numbers to the right."""
    rows = [(figure.figure, shown(figure.value), figure.unit, figure.note) for figure in figures]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {note}".rstrip()
        for name, value, unit, note in rows
    ]
    return "\n".join([title, *lines])


def aligned_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table of several figures a row as text, numbers to the right."""
    given = [tuple(row) for row in rows]
    texts = [tuple(columns), *(tuple(map(shown, row)) for row in given)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = numeric(given, len(columns))
    lines = [
        "  ".join(f"{cell:>{w}}" if r else f"{cell:<{w}}" for cell, w, r in zip(text, widths, right, strict=True))
        for text in texts
    ]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def markdown_rows(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return the same as a table of the documentation."""
    given = [tuple(row) for row in rows]
    rules = ["--:" if right else "---" for right in numeric(given, len(columns))]
    lines = [_row(columns), "|" + "|".join(rules) + "|", *(_row(map(shown, row)) for row in given)]
    return "\n".join(lines)


def numeric(rows: Sequence[Sequence[Cell]], columns: int) -> list[bool]:
    """Tell which columns hold a number anywhere."""
    return [any(not isinstance(row[column], str) for row in rows) for column in range(columns)]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown(sections: Sections) -> str:
    """Return all sections as one page of the documentation."""
    lines = [
        "# Performance",
        "",
        "Written by `make bench ARGS=--write`; every figure and every floor was measured in the same run.",
    ]
    for title, figures in sections.items():
        lines += ["", f"## {title.capitalize()}", "", "| figure | value | unit | note |", "|---|--:|---|---|"]
        lines += [_row((name, shown(value), unit, note)) for name, value, unit, note in figures]
    return "\n".join(lines) + "\n"


def as_json(sections: Sections) -> str:
    """Return every figure as `{figure, value, unit, note}`, its section before a slash in its name."""
    return json.dumps(
        [
            {**figure._asdict(), "figure": f"{title}/{figure.figure}"}
            for title, figures in sections.items()
            for figure in figures
        ],
        indent=1,
    )
