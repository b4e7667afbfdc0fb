"""Pages of a listing: how many items, which come first, and the link to those that follow. Pure.

A link names the last item it follows, not a number of items, so that what is submitted meanwhile moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Struct

from kyanite.errors import InvalidRequest
from kyanite.http import tokens

SIZE = 100
SIZE_MAX = 1_000
TOKEN = "token"  # noqa: S105  # the name of a parameter
SKIP_MAX = 10**9

_NUMBER = re.compile(r"[0-9]{1,10}")

Whole = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]  # what a store can compare with


class Position(Struct, frozen=True, array_like=True):
    """The last item of a page: which stretch of the listing it is in, and its sort key there."""

    stretch: Annotated[int, Meta(ge=0, le=9)]
    key: Annotated[tuple[Whole | float | str, ...], Meta(min_length=2, max_length=3)]


_decoder = msgspec.json.Decoder(Position)


def page_size(parameters: Mapping[str, str]) -> int:
    """Return how many items a page has. `top` is that and no bound on the whole: the client promises all items."""
    top = _number(parameters, "top", SIZE)
    if not top:
        raise InvalidRequest("top", "is 0; it is the size of a page")
    return min(top, SIZE_MAX)


def skip(parameters: Mapping[str, str]) -> int:
    """Return how many items come before the first of the first page."""
    count = _number(parameters, "skip", 0)
    if count > SKIP_MAX:
        raise InvalidRequest("skip", f"is {count:,}; at most {SKIP_MAX:,} is allowed")
    return count


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest(name, f"is {text[:40]!r}, not a whole number")
    return int(text)


def token_of(position: Position, listing: str) -> str:
    """Return a position as text for a link. `listing` is what it is a position in: path, filter and order."""
    return tokens.token_of(msgspec.json.encode(position), listing)


def position_of(token: str, listing: str) -> Position:
    """Read a position back. Raises `InvalidRequest` for anything but what `token_of` made for this very listing."""
    place = tokens.place_of(token, listing)
    if place is None:
        raise InvalidRequest(TOKEN, "is none that this listing gave; start it again without one")
    try:
        return _decoder.decode(place)
    except (ValueError, RecursionError):  # made by one who knows how
        raise InvalidRequest(TOKEN, "is no place in a listing; start it again without one") from None


def next_link(address: str, path: str, parameters: Mapping[str, str], token: str) -> str:
    """Return the absolute link to the next page: the same request, from another place on.

    The older client passes the text through a format call, so that no brace may stand in it.
    """
    kept = {name: value for name, value in parameters.items() if name not in {TOKEN, "skip"}}
    query = urlencode({**kept, TOKEN: token}, errors="replace")
    return f"{address}{path}?{query}".replace("{", "%7B").replace("}", "%7D")
