"""Places in listings as text that clients hand back: each is good for the listing that gave it, and for no other.

What is in a token protects nothing that needs a secret; the check tells one that was changed or belongs elsewhere.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

LENGTH_MAX = 8_192
_CHECK_BYTES = 8


def token_of(place: bytes, listing: str) -> str:
    """Return a place as text. `listing` is what it is a place in: path, filters and order."""
    return urlsafe_b64encode(_check(place, listing) + place).decode().rstrip("=")


def place_of(token: str, listing: str) -> bytes | None:
    """Return the place that `token_of` made a token of for this very listing; `None` for any other text."""
    if len(token) > LENGTH_MAX:
        return None
    try:
        place = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))[_CHECK_BYTES:]
    except (binascii.Error, ValueError):
        return None
    return place if token_of(place, listing) == token else None


def _check(place: bytes, listing: str) -> bytes:
    return blake2b(place, digest_size=_CHECK_BYTES, key=blake2b(listing.encode()).digest()).digest()
