"""Tables of plain text: aligned, without lines, as wide as the terminal or, in a pipe, as what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import click

from kyanite.cli.screen import cells, cut, plain

T = TypeVar("T")
GAP = "  "


class Column(NamedTuple, Generic[T]):
    """One column: its heading, its text for a row, and what becomes of it where room is short.

    It may be cut down to `least` cells (`None`: not at all). Columns with a `spare` number are left out, the lowest
    number first, before another would get less than its least. `colour` names the colour of a row's text.
    """

    heading: str
    text: Callable[[T], str]
    least: int | None = None
    spare: int = 0
    colour: Callable[[T], str | None] | None = None


class Layout(NamedTuple, Generic[T]):
    """Columns and their widths, settled for a whole table."""

    columns: tuple[Column[T], ...]
    widths: tuple[int, ...]

    def head(self) -> str:
        """Return the line of headings."""
        return self._line([column.heading for column in self.columns], [None for _ in self.columns])

    def line(self, row: T, *, coloured: bool) -> str:
        """Return the line of a row."""
        colours = [column.colour(row) if coloured and column.colour else None for column in self.columns]
        return self._line([plain(column.text(row)) for column in self.columns], colours)

    def _line(self, texts: Sequence[str], colours: Sequence[str | None]) -> str:
        parts = []
        for text, colour, width in zip(texts, colours, self.widths, strict=True):
            fitting = cut(text, width)
            painted = click.style(fitting, fg=colour) if colour else fitting
            parts.append(painted + " " * (width - cells(fitting)))
        return GAP.join(parts).rstrip()


def layout(columns: Sequence[Column[T]], rows: Sequence[T], room: int | None) -> Layout[T]:
    """Settle which columns there are and how wide, so that `rows` fit into `room` cells if they can."""
    kept = list(columns)
    widths = {column.heading: _width(column, rows) for column in kept}
    if room is None:
        return Layout(tuple(kept), tuple(widths.values()))
    while (spare := [column for column in kept if column.spare]) and _needed(kept, widths) > room:
        kept.remove(min(spare, key=lambda column: column.spare))
    excess = sum(widths[column.heading] for column in kept) + len(GAP) * (len(kept) - 1) - room
    for column in kept:
        if column.least is not None and excess > 0:
            taken = min(excess, max(widths[column.heading] - column.least, 0))
            widths[column.heading] -= taken
            excess -= taken
    return Layout(tuple(kept), tuple(widths[column.heading] for column in kept))


def _width(column: Column[T], rows: Sequence[T]) -> int:
    return max([cells(column.heading), *(cells(plain(column.text(row))) for row in rows)])


def _needed(columns: Sequence[Column[T]], widths: dict[str, int]) -> int:
    """Return how many cells these columns take when each is as narrow as it may be."""
    narrow = [min(widths[column.heading], column.least or widths[column.heading]) for column in columns]
    return sum(narrow) + len(GAP) * (len(columns) - 1)
