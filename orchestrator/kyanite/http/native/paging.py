"""Pages of a listing: where one ends, as text that the client hands back to get the next. Pure.

A cursor names the last item it follows, not a number of items, so that what is submitted meanwhile moves nothing.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kyanite.errors import InvalidRequest
from kyanite.ports import SortKey

SIZE = 100
SIZE_MAX = 1_000
CURSOR_LENGTH_MAX = 8_192
_CHECK_BYTES = 8

_decoder: msgspec.json.Decoder[SortKey] = msgspec.json.Decoder(
    Annotated[tuple[int | float | str, ...], Meta(min_length=1, max_length=3)]
)


def cursor_of(key: SortKey, listing: str) -> str:
    """Return a cursor behind the item with this sort key. `listing` is what it is a place in; see `identity`."""
    body = msgspec.json.encode(key)
    return urlsafe_b64encode(_check(body, listing) + body).decode().rstrip("=")


def key_of(cursor: str, listing: str) -> SortKey:
    """Read a cursor back. Raises `InvalidRequest` for anything but what `cursor_of` made for this very listing."""
    key = _read(cursor)
    if key is None or cursor_of(key, listing) != cursor:
        raise InvalidRequest("cursor", "is none that this listing gave; start it again without one")
    return key


def identity(workspace: str, path: str, parameters: Struct) -> str:
    """Return what tells listings apart: all that is asked for, but for the page and its size."""
    asked = [getattr(parameters, name) for name in parameters.__struct_fields__ if name not in {"cursor", "limit"}]
    return f"{workspace}\n{path}\n{msgspec.json.encode(asked).decode()}"


def _read(cursor: str) -> SortKey | None:
    if len(cursor) > CURSOR_LENGTH_MAX:
        return None
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return _decoder.decode(raw[_CHECK_BYTES:])
    except (binascii.Error, ValueError, RecursionError):
        return None


def _check(body: bytes, listing: str) -> bytes:
    """Tell a cursor from one that was changed or belongs elsewhere; it protects nothing that needs a secret."""
    return blake2b(body, digest_size=_CHECK_BYTES, key=blake2b(listing.encode()).digest()).digest()
