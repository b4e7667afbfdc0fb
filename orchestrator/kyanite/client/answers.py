"""What a daemon has answered, read as what was asked for."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from kyanite.errors import InfrastructureError

T = TypeVar("T")


def read(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return what a body of JSON says. Raises `InfrastructureError` if it is not what a daemon writes."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as error:  # what msgspec raises, for text that is none, too
        raise InfrastructureError(f"what answers is no Kyanite daemon: {error!s:.200}") from error
