"""The settings that apply: layer upon layer, each value with its origin, and as it is shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from kyanite.config.notation import dotted, value_text
from kyanite.config.secrecy import ARRAYS, NAMING, Parts, holds_secret, is_reference, is_secret, told
from kyanite.config.settings import Settings
from kyanite.logs import HIDDEN

DEFAULT = "default"


class Row(NamedTuple):
    """One setting as it is shown: its path, its value as TOML (or `<hidden>`), and where the value came from.

    An origin is `default`, `file PATH`, `environment NAME` or `argument`.
    """

    path: str
    value: str
    origin: str


@dataclass(frozen=True)
class Resolved:
    """Settings, and by dotted path where each value that is not a default came from."""

    settings: Settings
    origins: Mapping[str, str]

    def rows(self) -> list[Row]:
        """Return every setting in the order of the commented file; what stands under a name, as far as it is given.

        Of a webhook's URL, which may be as good as a secret, it is the scheme and the host.
        """
        return [
            Row(dotted(parts), _shown(parts, told(parts, value)), self.origins.get(dotted(parts), DEFAULT))
            for parts, value in _values(self.settings)
        ]

    def toml(self) -> str:
        """Return a file that `load` reads.

        A value that must not be shown is a comment in it, with all of its table where that is one of an array.
        """
        lines: list[str] = []
        for table, group in groupby(_values(self.settings), key=lambda pair: _table(pair[0])):
            lines += _lines(table, [(parts, _shown(parts, value)) for parts, value in group])
        return "\n".join(lines) + "\n"


def resolve(
    file: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] | None = None,
) -> Resolved:
    """Return what applies: `flags` (by dotted path) over the environment over a TOML file over the defaults.

    Without `file` it is the one that the variable `KYANITE_CONFIG` names, if any. Raises `ConfigError` naming the
    setting and the source at fault.
    """
    from kyanite.config.layers import FILE_VARIABLE, from_arguments, from_environment, from_file

    named = environ.get(FILE_VARIABLE, "")
    entries = from_file(file) if file else from_file(named, f" (named by {FILE_VARIABLE})") if named else []
    entries += from_environment(environ) + from_arguments(flags or {})
    tree: dict[str, Any] = {}
    origins: dict[Parts, str] = {}
    for parts, value, origin in entries:
        if _put(tree, parts, value):
            for replaced in [path for path in origins if _is_within(path, parts) or _is_within(parts, path)]:
                del origins[replaced]
            origins[parts] = origin
    return Resolved(
        msgspec.convert(tree, Settings),
        {dotted(path): origin for parts, origin in origins.items() for path in _given(parts, tree)},
    )


def load(path: str | Path) -> Settings:
    """Read a TOML file and nothing else. Raises `ConfigError` naming the key that is unknown or has a wrong value."""
    return resolve(path, environ={}).settings


def chosen(settings: str | Path | Settings | None = None, *, data_dir: str | Path | None = None) -> Settings:
    """Return the settings that a program means: a `Settings` as it is, else every layer, over the file if one is named.

    `data_dir` goes before all. Raises `ConfigError`.
    """
    if not isinstance(settings, Settings):
        return resolve(settings, flags={"data_dir": data_dir}).settings
    return settings if data_dir is None else replace(settings, data_dir=str(data_dir))


def _put(tree: dict[str, Any], parts: Parts, value: Any) -> bool:
    """Set a value in place of what is there; an empty table changes nothing where a table is."""
    for name in parts[:-1]:
        inner = tree.get(name)
        if not isinstance(inner, dict):
            inner = tree[name] = {}
        tree = inner
    if value == {} and isinstance(tree.get(parts[-1]), dict):
        return False
    tree[parts[-1]] = value
    return True


def _is_within(parts: Parts, table: Parts) -> bool:
    return parts[: len(table)] == table


def _given(parts: Parts, tree: dict[str, Any]) -> list[Parts]:
    """Return the path itself, or those of what is given in the tables of an array."""
    if parts[0] not in ARRAYS:
        return [parts]
    return [(*parts, str(index), name) for index, table in enumerate(tree[parts[0]]) for name in table]


def _values(settings: Settings) -> Iterator[tuple[Parts, Any]]:
    for section in Settings.__struct_fields__:
        value = getattr(settings, section)
        if section in NAMING:
            for name, inner in value.items():
                yield from _leaves((section, name), inner)
        elif section in ARRAYS:
            for index, table in enumerate(value):
                yield from _leaves((section, str(index)), table)
        else:
            yield from _leaves((section,), value)


def _leaves(parts: Parts, value: Any) -> Iterator[tuple[Parts, Any]]:
    if isinstance(value, msgspec.Struct):
        value = {name: item for name, item in msgspec.structs.asdict(value).items() if item is not None}
    if isinstance(value, dict) and value and not (is_secret(parts) and is_reference(value)):
        for name, item in value.items():
            yield from _leaves((*parts, name), item)
    elif value is not None:
        yield parts, value


def _table(parts: Parts) -> Parts:
    """Return the table of the file that a setting stands in: its section, or what has a name or an index."""
    return parts[:2] if parts[0] in NAMING | ARRAYS else parts[:-1]


def _lines(table: Parts, settings: list[tuple[Parts, str]]) -> list[str]:
    """Return the lines of a table, or those before the first."""
    whole = bool(table) and table[0] in ARRAYS
    head = ["", f"[[{table[0]}]]" if whole else f"[{dotted(table)}]"] if table else []
    lines = [(dotted(parts[len(table) :]), shown) for parts, shown in settings if len(parts) > len(table)]
    hidden = {name for name, shown in lines if shown == HIDDEN}
    if whole and hidden:
        return [line and f"# {line}" for line in [*head, *(f"{name} = {shown}" for name, shown in lines)]]
    return [*head, *(f"{'# ' * (name in hidden)}{name} = {shown}" for name, shown in lines)]


def _shown(parts: Parts, value: Any) -> str:
    return HIDDEN if holds_secret(parts, value) else value_text(value)
