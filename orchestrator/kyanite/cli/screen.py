"""The terminal, if there is one: how wide it is, whether it has colours, and what text may be sent to it."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def width(stream: TextIO) -> int | None:
    """Return how many cells a line has; `None` where lines may have any length, such as in a pipe."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def coloured(stream: TextIO) -> bool:
    """Tell whether colours reach somebody who wants them (see no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def plain(text: str) -> str:
    """Return text on one line that does nothing to a terminal: a job's name may hold what a terminal obeys."""
    if text.isprintable():
        return text
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)


def cells(text: str) -> int:
    """Return how many cells of a terminal the text takes: wide letters take two, accents that combine none."""
    return len(text) if text.isascii() else sum(_cells(letter) for letter in text)


def cut(text: str, room: int) -> str:
    """Return the text in at most `room` cells, with an ellipsis where something is missing."""
    if cells(text) <= room:
        return text
    kept, used = [], 1
    for letter in text:
        used += _cells(letter)
        if used > room:
            break
        kept.append(letter)
    return "".join(kept) + ELLIPSIS


def _cells(letter: str) -> int:
    from unicodedata import combining, east_asian_width

    if combining(letter) or letter in "\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}":
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1
