"""The settings by their dotted paths: which there are, of what type, and what to say of a value that is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, ValidationError

from kyanite.config.kinds import Name
from kyanite.config.notation import value_text
from kyanite.config.secrecy import ARRAYS, NAMING, Parts, holds_secret, told
from kyanite.config.settings import Outlet, Settings, WorkspaceSettings
from kyanite.logs import HIDDEN

OPTIONS = "providers"
WORKSPACES = "workspaces"
SHOWN_MAX = 80
_PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a table", list: "a list"}


@cache
def leaves() -> dict[Parts, Any]:
    """Return the type of each setting by its path, in the order of the file.

    Those that stand under a name or in an array of tables are left out.
    """
    left_out = NAMING | ARRAYS
    return {parts: kind for parts, kind in _leaves(Settings, ()) if parts[0] not in left_out}


@cache
def arrays() -> dict[str, type[Outlet]]:
    """Return what the tables of each array are, such as those of `[[hooks]]`, by the array's name."""
    return {field.name: item_kind(field.type) for field in msgspec.structs.fields(Settings) if field.name in ARRAYS}


@cache
def own_leaves() -> dict[str, Any]:
    """Return the type of each setting that a workspace can have to itself: `workspaces.NAME` and this name."""
    return {parts[0]: kind for parts, kind in _leaves(WorkspaceSettings, ())}


def kind_of(parts: Parts) -> Any:
    """Return the type of the setting of this path, also of one workspace's; `None` if there is none."""
    if parts[:1] == (WORKSPACES,) and len(parts) == 3:
        return own_leaves().get(parts[2])
    return leaves().get(parts)


def is_table(parts: Parts) -> bool:
    """Return whether settings stand under this path, which is a table, also one workspace's."""
    return parts in sections() or (parts[:1] == (WORKSPACES,) and len(parts) <= 2)


@cache
def sections() -> set[Parts]:
    """Return the paths of the tables that hold settings, `()` among them."""
    return {parts[:length] for parts in leaves() for length in range(len(parts))}


def _leaves(struct: type[Struct], above: Parts) -> Iterable[tuple[Parts, Any]]:
    for field in msgspec.structs.fields(struct):
        parts = (*above, field.name)
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _leaves(field.type, parts)
        else:
            yield parts, field.type


def is_workspace_name(name: str) -> bool:
    """Return whether a workspace may be called this."""
    try:
        msgspec.convert(name, Name)
    except ValidationError:
        return False
    return True


def converted(value: Any, kind: Any, *, loose: bool = False) -> Any:
    """Return the value as its type wants it; `loose` reads numbers and truth values from text.

    Raises `ValidationError`, also for numbers that are not finite, and `TypeError` for a type that msgspec can not
    check.
    """
    result = msgspec.convert(value, kind, strict=not (loose and isinstance(value, str)))
    if isinstance(result, float) and not math.isfinite(result):
        raise ValidationError
    return result


def item_kind(kind: Any) -> Any:
    """Return the type of what a list of this type holds; `None` for a type that is no list."""
    if get_origin(kind) is Annotated:
        return item_kind(get_args(kind)[0])
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def culprit(parts: Parts, kind: Any, value: Any) -> tuple[Parts, Any, Any]:
    """Return what is at fault where a value is not of its type: the first such item of a list, else the value.

    That is its path, its type and itself.
    """
    inner = item_kind(kind)
    if inner is not None and isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            try:
                converted(item, inner)
            except (ValidationError, UnicodeEncodeError):
                return (*parts, str(index)), inner, item
    return parts, kind, value


def refusal(parts: Parts, kind: Any, value: Any) -> str:
    """Say what was expected at a path instead of the value, and show the value unless it is a secret."""
    shown = "a table" if isinstance(value, dict) else value_text(told(parts, value))
    if holds_secret(parts, value):
        shown = HIDDEN
    if len(shown) > SHOWN_MAX:
        shown = shown[:SHOWN_MAX] + "..."
    return f"must be {expected(kind)}, not {shown}"


def expected(kind: Any) -> str:
    """Say in words what values a type has, such as `"FULL" or "NORMAL"`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        told = [meta.description for meta in arguments[1:] if isinstance(meta, Meta) and meta.description]
        return told[0] if told else expected(arguments[0])
    if origin is Literal:
        return " or ".join(map(value_text, arguments))
    if origin in {Union, UnionType}:
        return " or ".join(expected(argument) for argument in arguments if argument is not NoneType)
    if origin is tuple:
        return f"a list, each {expected(arguments[0])}"
    plain = origin or kind
    return _PLAIN.get(plain) or f"a {getattr(plain, '__name__', plain)}"


def suggestion(name: str, among: Iterable[str], separator: str = ".") -> str:
    """Return `; did you mean limits.cores?` for a name that is close to one there is, else nothing."""
    from difflib import get_close_matches

    names = list(among)
    last = [other for other in names if other.rpartition(separator)[2] == name.rpartition(separator)[2]]
    close = last[:1] if len(last) == 1 else get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
