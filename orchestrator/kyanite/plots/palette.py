"""Colours that colour-blind people can tell apart, and whose greys differ in print.

Source: M. Okabe, K. Ito, "Color universal design" (2008). Lines and backgrounds are left to matplotlib's own settings,
so that a figure follows the style its user has chosen.
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
QUIET: Final = "#808080"
PALE: Final = "#BFBFBF"

CURVE: Final = BLUE
BEST: Final = VERMILLION
