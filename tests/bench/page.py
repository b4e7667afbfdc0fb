"""The tables in the performance page: a section a group, each made by itself and kept by whatever else is written."""

from __future__ import annotations

import re
from collections.abc import Iterable

COMMANDS = ("bench-http", "bench-hooks", "bench-kernels")
"""The targets of make whose tables the page has, in this order."""


def parts(page: str, command: str) -> dict[str, str]:
    """Return the parts that a command has made, by name."""
    return {found["name"]: found["part"] for found in _part_of(command).finditer(page)}


def renewed(page: str, made: dict[str, str], order: Iterable[str], command: str) -> str:
    """Return the page with what a command has made; its parts stand in `order`, behind all but later commands'."""
    every = {name: parts(page, name) for name in COMMANDS}
    held = every[command] | {name: f"\n{part.strip()}\n\n" for name, part in made.items()}
    every[command] = {name: held[name] for name in order if name in held}
    rest = page
    for name in COMMANDS:
        rest = _part_of(name).sub("", rest)
    shown = [_marked(name, part, text) for name in COMMANDS for part, text in every[name].items()]
    return "\n\n".join([rest.rstrip("\n"), *shown]) + "\n"


def kept(page: str, before: str) -> str:
    """Return a page that was made anew with all parts of the one before."""
    for command in COMMANDS:
        held = parts(before, command)
        page = renewed(page, held, held, command)
    return page


def _marked(command: str, name: str, text: str) -> str:
    return f"<!-- made by make {command}: {name} -->\n{text}<!-- end: {name} -->"


def _part_of(command: str) -> re.Pattern[str]:
    return re.compile(
        rf"<!-- made by make {command}: (?P<name>\S+) -->\n(?P<part>.*?)<!-- end: (?P=name) -->\n?", re.DOTALL
    )
