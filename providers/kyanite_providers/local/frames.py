"""What a worker process and its parent say to each other: msgpack frames, each behind its length in four
bytes.
"""

from __future__ import annotations

import struct
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from kyanite.errors import ProviderError, RetryableError

FRAME_BYTES_MAX: Final = 1 << 30
_LENGTH: Final = struct.Struct("<I")


class Source(Struct, frozen=True, omit_defaults=True):
    """Where a job's input lies: a file of this machine, or the bytes themselves; `sha256` of either, in
    hexadecimal.
    """

    sha256: str
    path: str | None = None
    content: bytes = b""


class Ping(Struct, frozen=True, tag=True):
    """Asks for `Done`."""


class Warm(Struct, frozen=True, tag=True):
    """Asks to load, or else compile, every kernel; answered by `Done`."""


class Inspect(Struct, frozen=True, tag=True):
    """Asks what a problem needs; answered by `Inspected` or `Refused`."""

    source: Source
    inflated_max_bytes: int


class Run(Struct, frozen=True, tag=True):
    """Asks to solve a problem; answered by `Solved` or `Refused`.

    `parameters` are the target's, as `kyanite_providers.local.parameters` has them. `output_path` names a
    file to create if the output is too large for a frame. `threads` is how many cores the job has.
    """

    source: Source
    inflated_max_bytes: int
    target: str
    parameters: dict[str, Any]
    search_s: float | None
    output_path: str
    threads: int = 1


class Done(Struct, frozen=True, tag=True):
    """It is done."""


class Inspected(Struct, frozen=True, tag=True):
    """The size of a problem: `references` counts the places where a variable occurs."""

    variables: int
    terms: int
    references: int
    inflated_bytes: int


class Solved(Struct, frozen=True, tag=True):
    """The output: in the frame, or (`None`) in the file that was asked for; and how the search went.

    `convergence` holds improvements as (seconds of search, sweeps, best cost so far), the last one exact.
    """

    output: bytes | None
    size: int
    cost: float
    sweeps: int
    search_s: float
    convergence: list[tuple[float, int, float]]


class Refused(Struct, frozen=True, tag=True):
    """Why not: the fields of a `ProviderError`."""

    code: str
    message: str
    target: str | None = None
    details: tuple[str, ...] = ()
    retryable: bool = False


Request: TypeAlias = Ping | Warm | Inspect | Run
Reply: TypeAlias = Done | Inspected | Solved | Refused

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def read_request(content: bytes) -> Request:
    """Read what a frame holds. Raises `ValueError` for what is no request."""
    try:
        return _requests.decode(content)
    except RecursionError as error:
        raise ValueError("the request is nested too deeply") from error


def read_reply(content: bytes) -> Reply:
    """Read what a frame holds. Raises `ValueError` for what is no reply."""
    try:
        return _replies.decode(content)
    except RecursionError as error:
        raise ValueError("the reply is nested too deeply") from error


def frame(message: Request | Reply) -> bytearray:
    """Return a message as it goes over the wire. Raises `ValueError` if it is too long for a frame."""
    buffer = bytearray(_LENGTH.size)
    _encoder.encode_into(message, buffer, _LENGTH.size)
    length = len(buffer) - _LENGTH.size
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes is longer than {FRAME_BYTES_MAX}")
    _LENGTH.pack_into(buffer, 0, length)
    return buffer


def take_frame(buffer: bytearray) -> bytes | None:
    """Remove the first whole frame from the buffer and return what it holds, or `None` if there is none
    yet. Raises `ValueError` for a length that no frame has.
    """
    if len(buffer) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(buffer)
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes is longer than {FRAME_BYTES_MAX}")
    end = _LENGTH.size + length
    if len(buffer) < end:
        return None
    content = bytes(memoryview(buffer)[_LENGTH.size : end])
    del buffer[:end]
    return content


def refusal(error: ProviderError) -> Refused:
    """Return a provider's error as a reply."""
    data = error.error
    return Refused(data.code, data.message, data.target, data.details, isinstance(error, RetryableError))


def raised(refused: Refused) -> ProviderError:
    """Return the error that a reply stands for."""
    kind = RetryableError if refused.retryable else ProviderError
    return kind(refused.code, refused.message, target=refused.target, details=refused.details)
