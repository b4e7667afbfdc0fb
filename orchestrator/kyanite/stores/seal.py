"""A checksum in what is stored as JSON: a byte that changes by itself on the disk is noticed when it is read.

The sum is the last field of the object, which a reader that does not know it passes over.
"""

from __future__ import annotations

import zlib

from kyanite.errors import StoreCorrupt

MARK = ',"crc32":"'
SEALED_LENGTH = len(MARK) + len('01234567"}')


def sealed(body: bytes) -> str:
    """Return a JSON object as text with its checksum."""
    rest = body[:-1]
    return f'{rest.decode()}{MARK}{zlib.crc32(rest):08x}"}}'


def checked(text: str) -> str:
    """Return the text as it is; one without a sum is an older release's. Raises `StoreCorrupt`."""
    if not isinstance(text, str):
        raise StoreCorrupt(f"what begins {text!r:.80} is no text")
    rest, seal = text[:-SEALED_LENGTH], text[-SEALED_LENGTH:]
    if seal.startswith(MARK) and seal[len(MARK) : -2] != f"{zlib.crc32(rest.encode()):08x}":
        raise StoreCorrupt(f"what begins {text[:80]!r} is not what was written: its checksum differs")
    return text
