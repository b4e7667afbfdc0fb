"""Words on a figure: only letters that the font has, and no longer than the place."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from matplotlib.font_manager import FontProperties, findfont, get_font

FONT: Final = "DejaVu Sans"
"""Comes with matplotlib, so that it is there on every machine."""

_MISSING_LETTER: Final = "\N{REPLACEMENT CHARACTER}"
_UNITS_PER_PT: Final = 64.0
_LARGE_PT: Final = 200.0
_ROUNDING: Final = 1.07
"""How much wider text can become where it is drawn, because each letter is rounded to whole pixels."""


VERBATIM: Final[dict[str, Any]] = {"fontfamily": FONT, "parse_math": False, "usetex": False}
"""Keyword arguments of a text that holds words of users: a dollar sign in a job's name is no formula."""


@cache
def _font_file(weight: str) -> str:
    return str(findfont(FontProperties(family=FONT, weight=weight)))


def printable(text: str) -> str:
    """Return the text on one line, with a replacement for every letter that the font lacks."""
    letters = get_font(_font_file("normal")).get_charmap()
    return "".join(letter if ord(letter) in letters else _MISSING_LETTER for letter in " ".join(text.split()))


def width_pt(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide printable text is at most at this size, in points."""
    font = get_font(_font_file(weight))
    font.set_size(_LARGE_PT, 72.0)
    font.set_text(text)
    return float(font.get_width_height()[0]) / _UNITS_PER_PT * size / _LARGE_PT * _ROUNDING


def fitted(text: str, room_pt: float, size: float, weight: str = "normal") -> str:
    """Return the text as it can be printed, cut off with an ellipsis where it would not fit into `room_pt` points."""
    text = printable(text[:1000])
    if width_pt(text, size, weight) <= room_pt:
        return text
    kept, cut = 0, len(text)
    while kept < cut - 1:
        middle = (kept + cut) // 2
        fits = width_pt(text[:middle].rstrip() + "…", size, weight) <= room_pt
        kept, cut = (middle, cut) if fits else (kept, middle)
    return text[:kept].rstrip() + "…"
