"""Pages of a listing: where one ends, as text that the client hands back to get the next. Pure.

A cursor names the last item it follows, not a number of items, so that what is submitted meanwhile moves nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kyanite.errors import InvalidRequest
from kyanite.http.tokens import place_of, token_of
from kyanite.ports import SortKey

SIZE = 100
SIZE_MAX = 1_000

_decoder: msgspec.json.Decoder[SortKey] = msgspec.json.Decoder(
    Annotated[tuple[int | float | str, ...], Meta(min_length=1, max_length=3)]
)


def cursor_of(key: SortKey, listing: str) -> str:
    """Return a cursor behind the item with this sort key. `listing` is what it is a place in; see `identity`."""
    return token_of(msgspec.json.encode(key), listing)


def key_of(cursor: str, listing: str) -> SortKey:
    """Read a cursor back. Raises `InvalidRequest` for anything but what `cursor_of` made for this very listing."""
    place = place_of(cursor, listing)
    if place is None:
        raise InvalidRequest("cursor", "is none that this listing gave; start it again without one")
    try:
        return _decoder.decode(place)
    except (ValueError, RecursionError):  # made by one who knows how
        raise InvalidRequest("cursor", "is no place in a listing; start it again without one") from None


def identity(workspace: str, path: str, parameters: Struct) -> str:
    """Return what tells listings apart: all that is asked for, but for the page and its size."""
    asked = [getattr(parameters, name) for name in parameters.__struct_fields__ if name not in {"cursor", "limit"}]
    return f"{workspace}\n{path}\n{msgspec.json.encode(asked).decode()}"
