"""The kernels' part of the performance page: a section a group, each made by itself and kept by the others."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(
    r"<!-- made by make bench-kernels: (?P<name>\S+) -->\n(?P<part>.*?)<!-- end: (?P=name) -->\n?", re.DOTALL
)


def parts(page: str) -> dict[str, str]:
    """Return the parts of a page by name."""
    return {found["name"]: found["part"] for found in _PART.finditer(page)}


def renewed(page: str, made: dict[str, str], order: Iterable[str]) -> str:
    """Return the page with the parts made in it, all parts behind everything else and in `order`."""
    held = parts(page) | {name: f"\n{part.strip()}\n\n" for name, part in made.items()}
    rest = _PART.sub("", page).rstrip("\n")
    known = [name for name in order if name in held]
    shown = [f"<!-- made by make bench-kernels: {name} -->\n{held[name]}<!-- end: {name} -->" for name in known]
    return "\n\n".join([rest, *shown]) + "\n"
