"""Numbers as a row of small bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.:-=+*#"


def sparkline(values: Sequence[float], width: int, bars: str = BARS) -> str:
    """Return a bar for each value, the lowest first in `bars`, or for each of `width` stretches of too many values.

    A stretch shows its lowest value. What is no finite number is left out; values that are all the same are all low.
    """
    known = [value for value in values if math.isfinite(value)]
    count = min(width, len(known))
    if count <= 0:
        return ""
    edges = [len(known) * place // count for place in range(count + 1)]
    # Halved, so that no difference of finite numbers is infinite.
    lows = [min(known[start:end]) / 2 for start, end in pairwise(edges)]
    bottom = min(lows)
    span = max(lows) - bottom
    return "".join(bars[round((low - bottom) / span * (len(bars) - 1)) if span else 0] for low in lows)
