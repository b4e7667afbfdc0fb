"""The settings, for the page on configuration: each with its default and what it takes, and the commented file."""

from __future__ import annotations

from functools import reduce

import msgspec

from kyanite.config import Settings
from kyanite.config.notation import dotted, value_text
from kyanite.config.schema import WORKSPACES, arrays, expected, leaves, own_leaves
from tests.house.tree import ROOT


def table() -> str:
    """Return the table of all settings, in the order of the file."""
    rows = []
    for parts, kind in leaves().items():
        default = value_text(reduce(getattr, parts, Settings()))
        rows.append(f"| `{dotted(parts)}` | `{default}` | {expected(kind)} |")
    for name, kind in own_leaves().items():
        rows.append(f"| `{dotted((WORKSPACES, 'NAME', name))}` | as `quota.{name}` | {expected(kind)} |")
    for array, kind in arrays().items():
        for field in msgspec.structs.fields(kind):
            default = "to be given" if field.required else f"`{value_text(field.default)}`"
            rows.append(f"| `{array}.N.{field.name}` | {default} | {expected(field.type)} |")
    return "\n".join(["| setting | default | takes |", "|---|---|---|", *rows])


def file() -> str:
    """Return the commented file as a block."""
    return f"```toml\n{(ROOT / 'config' / 'kyanite.toml').read_text(encoding='utf-8')}```"
