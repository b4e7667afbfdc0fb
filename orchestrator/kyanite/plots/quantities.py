"""Durations and costs as people say and write them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

_WHOLE_MAX: Final = 1e15
_TIME_UNITS: Final = (
    (2 * 86_400.0, 86_400.0, "days"),
    (2 * 3_600.0, 3_600.0, "hours"),
    (5 * 60.0, 60.0, "minutes"),
    (0.5, 1.0, "seconds"),
)


class _Unit(NamedTuple):
    limit_s: float
    unit: str
    parts: int
    smaller: str
    part_s: int


_DURATIONS: Final = (
    _Unit(3_600.0, "min", 60, "s", 1),
    _Unit(86_400.0, "h", 60, "min", 60),
    _Unit(math.inf, "d", 24, "h", 3_600),
)


def duration(seconds: float) -> str:
    """Return a duration with the two or three digits that matter."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 99.95:
        return f"{seconds:.3g} s"
    # The first unit whose words the rounded duration does not outgrow: 3,599.7 s are an hour, not 60 minutes.
    place = next(place for place in _DURATIONS if round(seconds / place.part_s) * place.part_s < place.limit_s)
    whole, rest = divmod(round(seconds / place.part_s), place.parts)
    return f"{whole:,} {place.unit} {rest} {place.smaller}" if rest else f"{whole:,} {place.unit}"


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit, in seconds and by its name, in which an axis of this length has handy numbers."""
    return next(((size_s, name) for from_s, size_s, name in _TIME_UNITS if span_s >= from_s), (1e-3, "milliseconds"))


def number(value: float, digits: int = 12) -> str:
    """Return a number as short as `digits` significant ones allow, a whole one in full, with a true minus sign."""
    whole = abs(value) < _WHOLE_MAX and value.is_integer()
    text = str(int(value)) if whole else f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")
