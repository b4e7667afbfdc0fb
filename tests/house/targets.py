"""The table of the local provider's targets, from the types that read their parameters."""

from __future__ import annotations

from typing import Any

import msgspec

from kyanite_providers.local.parameters import TARGETS


def table() -> str:
    """Every target, what it is, and its parameters with their defaults."""
    rows = [
        f"| `{name}` | {offer.description} | {', '.join(map(_parameter, msgspec.structs.fields(offer.parameters)))} |"
        for name, offer in TARGETS.items()
    ]
    return "\n".join(["| target | what it does | parameters |", "|---|---|---|", *rows])


def _parameter(field: Any) -> str:
    default = field.default
    if isinstance(default, msgspec.Struct):
        default = f"{default.type} {default.initial:g} to {default.final:g}"
    return f"`{field.encode_name}`" + ("" if default is None else f" = {default}")
