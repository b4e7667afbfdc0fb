"""The layers above the defaults: a TOML file, the environment, and arguments, each as entries of path and value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kyanite.config.notation import dotted, value_text
from kyanite.config.schema import (
    OPTIONS,
    WORKSPACES,
    converted,
    expected,
    is_table,
    is_workspace_name,
    kind_of,
    leaves,
    own_leaves,
    refusal,
    sections,
    suggestion,
)
from kyanite.config.secrecy import Parts, is_reference, is_secret, literals
from kyanite.config.settings import Name
from kyanite.errors import ConfigError

PREFIX = "KYANITE_"
PROBLEM_MAX = 1_000
TEXT_LENGTH_MAX = 1 << 18
KEY_PARTS_MAX = 32
_KEY_PART = r"[^\s.=\[\]{},#]"
_LONG_KEY = rf"(?<!{_KEY_PART})(?:{_KEY_PART}+[ \t]*\.[ \t]*){{{KEY_PARTS_MAX}}}"
FILE_VARIABLE = "KYANITE_CONFIG"
RESERVED = (
    FILE_VARIABLE,
    "KYANITE_API_KEY",
    "KYANITE_ENDPOINT",
    "_KYANITE*",  # completion, as the shells ask for it
    "KYANITE_DEBUG",  # asks the command line for tracebacks
    "KYANITE_PORT",  # Kubernetes describes a service called kyanite by this and the next two, in every container
    "KYANITE_PORT_*",
    "KYANITE_SERVICE_*",
)
"""Variables that look like settings and are none, as patterns of upper-case names."""


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
    """Text may stand for a number."""

    def error(self, problem: str) -> ConfigError:
        """Return what to raise."""
        return ConfigError(f"{self.label:.{PROBLEM_MAX}}: {problem:.{PROBLEM_MAX}}")


def from_file(path: str | Path, remark: str = "") -> list[Entry]:
    """Read a TOML file. Raises `ConfigError` naming the file, and the setting that is unknown or has a wrong value.

    The remark stands behind the file's name in an error.
    """
    import tomllib

    file = Path(path)
    source = Source(f"file {file}", f"{file}{remark}")
    try:
        file = file.expanduser()
        source = Source(f"file {file}", f"{file}{remark}")
        return list(_entries((), tomllib.loads(_checked_text(file.read_text(encoding="utf-8"))), source))
    except ConfigError:
        raise
    except OSError as error:
        raise source.error(str(error.strerror)) from error
    except RecursionError as error:
        raise source.error("it is nested too deeply") from error
    except (ValueError, RuntimeError) as error:  # also numbers of too many digits, and `~` of nobody
        raise source.error(str(error)) from error


def from_environment(environ: Mapping[str, str]) -> list[Entry]:
    """Read the variables that begin with `KYANITE_`, in either case, except those that are `RESERVED`.

    Raises `ConfigError` naming the variable.
    """
    named = sorted((name.upper(), name) for name in environ if name.upper().startswith(PREFIX))
    found: list[Entry] = []
    for upper, group in groupby(named, key=lambda pair: pair[0]):
        names = [name for _, name in group]
        if any(fnmatchcase(upper, pattern) for pattern in RESERVED):
            continue
        if len(names) > 1:
            raise ConfigError(f"{' and '.join(names)} are the same setting")
        found += _from_variable(names[0], environ[names[0]])
    return found


def from_arguments(flags: Mapping[str, Any]) -> list[Entry]:
    """Take values by dotted path, as a program's own arguments give them; `None` is one that was not given.

    Raises `ConfigError`.
    """
    source = Source("argument", "argument", loose=True)
    found: list[Entry] = []
    for name, value in flags.items():
        if value is not None:
            found += _entries(tuple(name.split(".")), str(value) if isinstance(value, Path) else value, source)
    return found


def variable(parts: Parts) -> str:
    """Return the name of the variable that sets this path, such as `KYANITE_LIMITS__CORES`."""
    return PREFIX + "__".join(parts).upper()


def _from_variable(name: str, text: str) -> Iterator[Entry]:
    parts = tuple(name[len(PREFIX) :].lower().split("__"))
    source = Source(f"environment {name}", name, loose=True)
    if kind_of(parts) is not None:
        return _entries(parts, text, source)
    if parts[0] == OPTIONS and all(parts):
        return _entries(parts, _option(name, parts, text), source)
    if is_table(parts):
        example = next(variable(leaf) for leaf in _near(parts) if leaf[: len(parts)] == parts)
        raise ConfigError(f"{name} is a group of settings; name one of them, such as {example}")
    hint = suggestion(name.upper(), map(variable, _near(parts)), "__")
    raise ConfigError(f"{name} is not a setting{hint}")


def _option(name: str, parts: Parts, text: str) -> Any:
    """Read an option of a provider as TOML if it is some, else as text; a secret stays where it is."""
    import tomllib

    try:
        table = tomllib.loads(_checked_text(f"value = {text}"))
    except (ValueError, RecursionError):
        table = {"value": text}
    value = table["value"] if len(table) == 1 else text
    if is_secret(parts) and not isinstance(value, dict):
        return {"env": name}
    return value


def _entries(parts: Parts, value: Any, source: Source) -> Iterator[Entry]:
    if parts[:1] == (WORKSPACES,) and len(parts) > 1 and not is_workspace_name(parts[1]):
        raise source.error(f"{dotted(parts[:2])} names no workspace: that must be {expected(Name)}")
    kind = kind_of(parts)
    if kind is not None:
        yield Entry(parts, _checked(parts, kind, value, source), source.origin)
    elif parts[:1] == (OPTIONS,):
        for path in literals(parts, value):
            raise source.error(_written_out(path))
        yield from _options(parts, value, source)
    elif not is_table(parts):
        raise source.error(_unknown(parts))
    elif not isinstance(value, dict):
        raise source.error(f"{dotted(parts)} {refusal(parts, dict, value)}")
    elif not value and parts[:1] == (WORKSPACES,):
        yield Entry(parts, value, source.origin)  # a workspace can be named alone, as a provider can
    else:
        for name, item in value.items():
            yield from _entries((*parts, name), item, source)


def _checked(parts: Parts, kind: Any, value: Any, source: Source) -> Any:
    try:
        return converted(value, kind, loose=source.loose)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise source.error(f"{dotted(parts)} {refusal(parts, kind, value)}") from None


def _options(parts: Parts, value: Any, source: Source) -> Iterator[Entry]:
    """Take the options of providers apart, table by table, so that another layer can change one of them."""
    is_table = isinstance(value, dict) and not (is_secret(parts) and is_reference(value))
    if len(parts) <= 2 and not is_table:
        raise source.error(f"{dotted(parts)} {refusal(parts, dict, value)}")
    if is_table and (value or len(parts) == 1):
        for name, item in value.items():
            yield from _options((*parts, name), item, source)
    else:
        yield Entry(parts, value, source.origin)


def _checked_text(text: str) -> str:
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"it has {len(text):,} characters; at most {TEXT_LENGTH_MAX:,} are allowed")
    # The standard library's reader takes time and memory with the square of a dotted key's length.
    if re.search(_LONG_KEY, text):
        raise ValueError(f"a key has more than {KEY_PARTS_MAX} parts")
    return text


def _near(parts: Parts) -> list[Parts]:
    """Return the paths of settings that one may have meant by this path."""
    if parts[0] == WORKSPACES:
        name = parts[1] if len(parts) > 1 else "NAME"
        return [(WORKSPACES, name, leaf) for leaf in own_leaves()]
    return list(leaves())


def _unknown(parts: Parts) -> str:
    near = _near(parts)
    if parts[0] != WORKSPACES:
        near += [*filter(None, sections()), (OPTIONS,), (WORKSPACES,)]
    known = map(dotted, near)
    return f"{dotted(parts)} is not a setting{suggestion(dotted(parts), known)}"


def _written_out(parts: Parts) -> str:
    name = parts[-1]
    return (
        f"{dotted(parts)} is a secret and is not written out; put it into a variable or a file, and write "
        f"{name} = {value_text({'env': 'NAME'})} or {name} = {value_text({'file': '/path'})}"
    )
