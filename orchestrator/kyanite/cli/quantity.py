"""Times, durations and sizes as people read them."""

from __future__ import annotations

from datetime import datetime

_UNITS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s"))


def moment(time: datetime | None) -> str:
    """Return a time in UTC, to the second; nothing for no time."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}Z"


def duration(seconds: float) -> str:
    """Return a duration in two units at most: 25ms, 4.2s, 3m20s, 5h10m, 2d4h."""
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f}s" if seconds >= 0.9995 else f"{seconds * 1000:.0f}ms"
    seconds = round(seconds)
    for size, name, part, part_name in _UNITS:
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size}{name}" + (f"{rest}{part_name}" if rest else "")
    return f"{seconds}s"


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: 12s, 3m, 5h, 2d."""
    seconds = max(seconds, 0.0)
    for size, name, _, _ in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{name}"
    return f"{int(seconds)}s"


def size(count: int | None) -> str:
    """Return a number of bytes."""
    if count is None:
        return ""
    amount, unit = float(count), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{count:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
