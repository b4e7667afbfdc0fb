"""The layers above the defaults: a TOML file, the environment, and arguments, each as entries of path and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Any

from kyanite.config.entries import Entry, Source, checked, tables, written_out
from kyanite.config.kinds import Name
from kyanite.config.notation import dotted, read, read_value
from kyanite.config.schema import (
    OPTIONS,
    WORKSPACES,
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
from kyanite.config.secrecy import ARRAYS, Parts, is_reference, is_secret, literals
from kyanite.errors import ConfigError

PREFIX = "KYANITE_"
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


def from_file(path: str | Path, remark: str = "") -> list[Entry]:
    """Read a TOML file. Raises `ConfigError` naming the file, and the setting that is unknown or has a wrong value.

    The remark stands behind the file's name in an error.
    """
    file = Path(path)
    source = Source(f"file {file}", f"{file}{remark}")
    try:
        file = file.expanduser()
        source = Source(f"file {file}", f"{file}{remark}")
        return list(_entries((), read(file.read_text(encoding="utf-8")), source))
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
    if parts[0] in ARRAYS:
        if len(parts) == 1:
            return _entries(parts, text, source)
        raise ConfigError(f"{name} is not a setting; {variable(parts[:1])} is the whole list, written as TOML")
    if is_table(parts):
        example = next(variable(leaf) for leaf in _near(parts) if leaf[: len(parts)] == parts)
        raise ConfigError(f"{name} is a group of settings; name one of them, such as {example}")
    hint = suggestion(name.upper(), map(variable, _near(parts)), "__")
    raise ConfigError(f"{name} is not a setting{hint}")


def _option(name: str, parts: Parts, text: str) -> Any:
    """Read an option of a provider as TOML if it is some, else as text; a secret stays where it is."""
    value = read_value(text)
    if is_secret(parts) and not isinstance(value, dict):
        return {"env": name}
    return value


def _entries(parts: Parts, value: Any, source: Source) -> Iterator[Entry]:
    if parts[:1] == (WORKSPACES,) and len(parts) > 1 and not is_workspace_name(parts[1]):
        raise source.error(f"{dotted(parts[:2])} names no workspace: that must be {expected(Name)}")
    kind = kind_of(parts)
    if kind is not None:
        yield Entry(parts, checked(parts, kind, value, source), source.origin)
    elif len(parts) == 1 and parts[0] in ARRAYS:
        yield Entry(parts, tables(parts[0], value, source), source.origin)
    elif parts[:1] == (OPTIONS,):
        for path in literals(parts, value):
            raise source.error(written_out(path))
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


def _near(parts: Parts) -> list[Parts]:
    """Return the paths of settings that one may have meant by this path."""
    if parts[0] == WORKSPACES:
        name = parts[1] if len(parts) > 1 else "NAME"
        return [(WORKSPACES, name, leaf) for leaf in own_leaves()]
    return [*leaves(), *((name,) for name in sorted(ARRAYS))]


def _unknown(parts: Parts) -> str:
    near = _near(parts)
    if parts[0] != WORKSPACES:
        near += [*filter(None, sections()), (OPTIONS,), (WORKSPACES,)]
    known = map(dotted, near)
    return f"{dotted(parts)} is not a setting{suggestion(dotted(parts), known)}"
