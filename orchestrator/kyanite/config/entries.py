"""What a layer gives: values by their paths, each checked against the type of its setting, list by list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from kyanite.config.notation import dotted, read_value, value_text
from kyanite.config.schema import arrays, converted, culprit, expected, item_kind, refusal, suggestion
from kyanite.config.secrecy import ARRAYS, Parts, literals
from kyanite.config.settings import Outlet, namesakes
from kyanite.errors import ConfigError

PROBLEM_MAX = 1_000


class Entry(NamedTuple):
    """One value that a layer gives. An empty table is given as itself, so that a provider can be named alone."""

    parts: Parts
    value: Any
    origin: str


@dataclass(frozen=True)
class Source:
    """Where values come from: in the words of `origin`, and as what stands before the colon of an error."""

    origin: str
    label: str
    loose: bool = False
    """Text may stand for a number, and TOML for a list."""

    def error(self, problem: str) -> ConfigError:
        """Return what to raise."""
        return ConfigError(f"{self.label:.{PROBLEM_MAX}}: {problem:.{PROBLEM_MAX}}")


def checked(parts: Parts, kind: Any, value: Any, source: Source) -> Any:
    """Return a value as its type wants it. Raises `ConfigError` naming the setting, or the item of its list."""
    if source.loose and isinstance(value, str) and item_kind(kind) is not None:
        value = read_value(value)
    try:
        return converted(value, kind, loose=source.loose)
    except (msgspec.ValidationError, UnicodeEncodeError):
        at, wanted, given = culprit(parts, kind, value)
        raise source.error(f"{dotted(at)} {refusal(at, wanted, given)}") from None


def tables(name: str, value: Any, source: Source) -> list[dict[str, Any]]:
    """Return the tables of an array with what is given in each. Raises `ConfigError` naming the table and the field."""
    if source.loose and isinstance(value, str):
        value = read_value(value)
    if not isinstance(value, (list, tuple)):
        raise source.error(f"{name} must be a list of tables, each [[{name}]], not {_plainly(value)}")
    kind = arrays()[name]
    found = [_table(kind, (name, str(index)), table, source) for index, table in enumerate(value)]
    outlets: list[Outlet] = [msgspec.convert(table, kind) for table in found]
    if twice := namesakes(outlets):
        raise source.error(same_name(name, *twice, outlets[twice[0]].title))
    return found


def same_name(array: str, first: int, second: int, title: str) -> str:
    """Say that two of an array are called the same."""
    return f"{array}.{second} is called {value_text(title)}, as {array}.{first} is; name one of them otherwise"


def _table(kind: type[Struct], parts: Parts, value: Any, source: Source) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise source.error(f"{dotted(parts)} must be a table, not {_plainly(value)}")
    for path in literals(parts, value):
        raise source.error(written_out(path))
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in value:
        if name not in fields:
            hint = suggestion(dotted((*parts, name)), [dotted((*parts, field)) for field in fields])
            raise source.error(f"{dotted((*parts, name))} is not a setting{hint}")
    for name, field in fields.items():
        if name not in value and field.required:
            raise source.error(f"{dotted((*parts, name))} is missing; it must be {expected(field.type)}")
    return {name: checked((*parts, name), fields[name].type, item, source) for name, item in value.items()}


def written_out(path: Parts) -> str:
    """Say of a secret that it is not to be written out, and what to write instead."""
    named = [value_text({"env": "NAME"}), value_text({"file": "/path"})]
    if path[0] in ARRAYS:
        named = [f"[{reference}]" for reference in named] if len(path) == 3 else named
    if not path[-1].isdigit():
        named = [f"{path[-1]} = {reference}" for reference in named]
    return (
        f"{dotted(path)} is a secret and is not written out; put it into a variable or a file, and write "
        f"{' or '.join(named)}"
    )


def _plainly(value: Any) -> str:
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a plain value"
