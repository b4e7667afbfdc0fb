"""TOML: read within bounds; keys, dotted paths and values written so that what is shown can be read again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

TEXT_LENGTH_MAX = 1 << 18
KEY_PARTS_MAX = 32
DECIMAL_BITS_MAX = 14_000
_BARE_KEY = r"[A-Za-z0-9_-]+"
_KEY_PART = r"[^\s.=\[\]{},#]"
_LONG_KEY = rf"(?<!{_KEY_PART})(?:{_KEY_PART}+[ \t]*\.[ \t]*){{{KEY_PARTS_MAX}}}"


def read(text: str) -> dict[str, Any]:
    """Read a text. Raises `ValueError`, also for one that is too long, and `RecursionError`."""
    import tomllib

    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"it has {len(text):,} characters; at most {TEXT_LENGTH_MAX:,} are allowed")
    # The standard library's reader takes time and memory with the square of a dotted key's length.
    if re.search(_LONG_KEY, text):
        raise ValueError(f"a key has more than {KEY_PARTS_MAX} parts")
    return tomllib.loads(text)


def read_value(text: str) -> Any:
    """Read one value if the text is one; else the text is the value."""
    try:
        table = read(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text


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
