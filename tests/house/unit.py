"""A systemd unit file: its sections, and for each name in one the values that it is given, in order."""

from __future__ import annotations

from pathlib import Path

Unit = dict[str, dict[str, list[str]]]


def read(path: Path) -> Unit:
    """Read a file whose lines do not go on in the next. Raises `ValueError` for a line that is none of a unit."""
    unit: Unit = {}
    section: dict[str, list[str]] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = unit.setdefault(line[1:-1], {})
        elif line and not line.startswith(("#", ";")):
            name, equals, value = line.partition("=")
            if section is None or not equals or line.endswith("\\") or name != name.strip():
                raise ValueError(line)
            section.setdefault(name, []).append(value)
    return unit
