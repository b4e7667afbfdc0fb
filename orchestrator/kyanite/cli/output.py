"""What goes to stdout: a table for people, JSON, JSON lines or names for programs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import click

from kyanite.cli.screen import coloured, plain, width
from kyanite.cli.table import Column, Layout, layout
from kyanite.cli.vocabulary import Choice

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "jsonl", "name")
ROWS_MEASURED = 200
"""How many rows settle the widths of a table; what comes after is cut to them."""


def format_option(default: str, *formats: str) -> Callable[[F], F]:
    """Give a command `-o`, with these formats (default: all)."""
    return click.option(
        "-o",
        "--output",
        "style",
        type=Choice(formats or FORMATS),
        default=default,
        show_default=True,
        metavar="FORMAT",
        help=f"One of {', '.join(formats or FORMATS)}.",
    )


class View(NamedTuple, Generic[T]):
    """How things of one kind are shown: as columns, as a JSON-able record, by name."""

    columns: Sequence[Column[T]]
    record: Callable[[T], Any]
    name: Callable[[T], str]


class Listing(Generic[T]):
    """Prints things one by one, in one format. A table's widths are settled by the first of them."""

    def __init__(self, view: View[T], style: str) -> None:
        """Print nothing yet."""
        self.count = 0
        self._view = view
        self._style = style
        self._first: list[T] = []
        self._layout: Layout[T] | None = None

    def add(self, item: T) -> None:
        """Print one more."""
        self.count += 1
        match self._style:
            case "table":
                self._add_row(item)
            case "json":
                text = pretty(self._view.record(item), "  ")
                write(("[\n" if self.count == 1 else ",\n") + "  " + text, end="")
            case "jsonl":
                write(compact(self._view.record(item)))
            case _:
                write(self._view.name(item))

    def end(self) -> None:
        """Print what is still held back."""
        if self._style == "json":
            write("\n]" if self.count else "[]")
        if self._layout is None and self._first:
            self._settle()

    def _add_row(self, item: T) -> None:
        if self._layout is not None:
            write(self._layout.line(item, coloured=coloured(sys.stdout)))
            return
        self._first.append(item)
        if len(self._first) == ROWS_MEASURED:
            self._settle()

    def _settle(self) -> None:
        self._layout = layout(self._view.columns, self._first, width(sys.stdout))
        write(self._layout.head())
        for item in self._first:
            write(self._layout.line(item, coloured=coloured(sys.stdout)))
        self._first.clear()


def show(view: View[T], style: str, items: Iterable[T]) -> int:
    """Print things, and return how many there were."""
    listing = Listing(view, style)
    for item in items:
        listing.add(item)
    listing.end()
    return listing.count


async def show_each(view: View[T], style: str, items: AsyncIterable[T]) -> int:
    """Print things as they come, and return how many there were."""
    listing = Listing(view, style)
    async for item in items:
        listing.add(item)
    listing.end()
    return listing.count


def show_one(view: View[T], style: str, item: T, facts: Callable[[T], Iterable[tuple[str, str]]]) -> None:
    """Print one thing: its record, its name, or a line for each fact."""
    if style == "table":
        write_facts(facts(item))
    elif style == "name":
        write(view.name(item))
    else:
        write_json(view.record(item), style)


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each name and text, without those that have no text."""
    shown = [(name, text) for name, text in facts if text]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        write(f"{name:{wide}}  {plain(text)}")


def write_json(value: Any, style: str) -> None:
    """Print a value as JSON: on one line for `jsonl`, else for people."""
    write(compact(value) if style == "jsonl" else pretty(value))


def write(text: str, end: str = "\n") -> None:
    """Print data."""
    sys.stdout.write(text + end)


def compact(value: Any) -> str:
    """Return a value as JSON on one line."""
    import msgspec

    return msgspec.json.encode(value).decode()


def pretty(value: Any, indent: str = "") -> str:
    """Return a value as JSON that people can read: what holds nothing but plain values stays on one line."""
    if not isinstance(value, dict | list) or not any(isinstance(item, dict | list) for item in _items(value)):
        import msgspec

        return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{compact(str(name))}: {pretty(item, deeper)}" for name, item in value.items()]
        return "{\n" + deeper + f",\n{deeper}".join(lines) + f"\n{indent}}}"
    return "[\n" + deeper + f",\n{deeper}".join(pretty(item, deeper) for item in value) + f"\n{indent}]"


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
