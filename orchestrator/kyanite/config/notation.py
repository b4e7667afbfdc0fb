"""TOML as it is written: keys, dotted paths and values, so that what is shown can be read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

DECIMAL_BITS_MAX = 14_000
_BARE_KEY = r"[A-Za-z0-9_-]+"


def key_text(key: str) -> str:
    """Return a key, quoted where it must be."""
    return key if re.fullmatch(_BARE_KEY, key) else _quoted(key)


def dotted(parts: Iterable[str]) -> str:
    """Return a path such as `limits.cores`."""
    return ".".join(map(key_text, parts))


def value_text(value: Any) -> str:
    """Return a value in one line. What TOML can not say, such as a path, is written as text; `None` is left out."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            pairs = [f"{key_text(key)} = {value_text(item)}" for key, item in value.items() if item is not None]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case list() | tuple():
            return f"[{', '.join(value_text(item) for item in value if item is not None)}]"
    return _quoted(str(value))


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > DECIMAL_BITS_MAX:
        return hex(value)  # as it must have been written: Python reads and writes no decimal number of that length
    return repr(value)


def _quoted(text: str) -> str:
    import json

    # JSON's escapes are TOML's, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
