"""What an examination of the installation finds: one line a part, with advice where something is wrong."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


def size(count: int) -> str:
    """Return a number of bytes as findings tell it."""
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.1f} MiB"


class Finding(Struct, gc=False, frozen=True, omit_defaults=True):
    """The state of one part: what it is called, how it is, what was seen, and what to do about it."""

    subject: str
    state: Literal["ok", "warning", "failed"]
    text: str
    advice: str = ""
