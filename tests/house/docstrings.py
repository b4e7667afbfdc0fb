"""Docstrings on the site: written in the plain Markdown of the house, and read by Sphinx as reStructuredText.

Records and enumerations get a table of their fields or values, in place of a constructor of forty arguments.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.house.reference import analyzer

_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_MARKUP = re.compile(r"([\\*|]|(?<=\w)_(?!\w))")


def restructured(lines: list[str]) -> list[str]:
    """Return a docstring's lines with code spans and stray marks as reStructuredText wants them.

    Code that is a name becomes a link where the reference has an entry for it.
    """
    text = "\n".join(lines)
    parts, end = [], 0
    for span in _CODE.finditer(text):
        parts += [_MARKUP.sub(r"\\\1", text[end : span.start()]), _code(" ".join(span[2].split()))]
        parts += ["\\ "] if text[span.end() : span.end() + 1].isalnum() else []  # or `X`s would not end the span
        end = span.end()
    return "".join([*parts, _MARKUP.sub(r"\\\1", text[end:])]).split("\n")


def _code(text: str) -> str:
    return f":py:obj:`{text}`" if _NAME.fullmatch(text) else f"``{text}``"


def fields(value: Any) -> list[str]:
    """Return the table of a record's own fields or an enumeration's values; nothing for anything else."""
    if isinstance(value, type) and issubclass(value, enum.Enum):
        return _table(["name", "value"], [[f"``{item.name}``", f"``{item.value!r}``"] for item in value])
    if isinstance(value, type) and issubclass(value, msgspec.Struct):
        return _table(["field", "type", "default", ""], list(_rows(value)))
    return []


def _rows(record: type[msgspec.Struct]) -> Iterator[list[str]]:
    words = analyzer(record.__module__).attr_docs
    for field in msgspec.structs.fields(record):
        if field.name in record.__annotations__:
            said = restructured([" ".join(words.get((record.__name__, field.name), [])).strip()])
            kind = record.__annotations__[field.name]
            yield [f"``{field.name}``", f"``{kind}``", _default(field), *said]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"``{field.default_factory()!r}``"
    if field.default is msgspec.NODEFAULT:
        return ""
    if isinstance(field.default, msgspec.Struct):
        return f"``{type(field.default).__name__}()``"
    return f"``{field.default.value if isinstance(field.default, enum.Enum) else field.default!r}``"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A list-table without the columns in which no row has anything."""
    if not rows:
        return []
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    lines = ["", ".. list-table::", "   :class: fields", "   :header-rows: 1", ""]
    for row in [head, *rows]:
        lines += [f"   {'* -' if i == kept[0] else '  -'} {row[i]}".rstrip() for i in kept]
    return [*lines, ""]
