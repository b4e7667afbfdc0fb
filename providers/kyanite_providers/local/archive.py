"""Reads a tape archive as it comes: what its files hold, one after the other.

The format is POSIX ustar, which pax and GNU extend by files of their own kinds: those are gone over, as are folders
and links. Names and dates are of no use here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kyanite.errors import ProviderError
from kyanite_providers.local.inflate import invalid

_BLOCK: Final = 512
_MAGIC: Final = slice(257, 262)
_SIZE: Final = slice(124, 136)
_SUM: Final = slice(148, 156)
_KIND: Final = 156
_FILES: Final = b"0\0"


def is_archive(head: bytes | bytearray) -> bool:
    """Tell whether what begins like this is an archive; one of no files begins with its end."""
    return head[_MAGIC] == b"ustar" or head[:_BLOCK] == bytes(_BLOCK)


def files(pieces: Iterable[bytes]) -> Iterator[bytearray]:
    """Yield the content of each file of an archive, and read it to its end.

    Raises `ProviderError` `InvalidInputData` (AZQ105) for an archive that is damaged or cut short.
    """
    stream = iter(pieces)
    rest = bytearray()
    while True:
        header = _taken(stream, rest, _BLOCK)
        if not any(header):
            break
        size = _size(header)
        content = _taken(stream, rest, size)
        _taken(stream, rest, -size % _BLOCK)
        if header[_KIND] in _FILES:
            yield content
    for _ in stream:
        rest.clear()  # padding, which counts for the limit and the hash


def _taken(stream: Iterator[bytes], rest: bytearray, size: int) -> bytearray:
    """Remove so many bytes from the beginning of `rest` and the stream behind it."""
    if len(rest) < size:
        taken = bytearray(rest)
        rest.clear()
        while len(taken) < size:
            piece = next(stream, None)
            if piece is None:
                raise _damaged("it ends too early")
            wanted = size - len(taken)
            taken += piece[:wanted]
            rest += piece[wanted:]
        return taken
    taken = rest[:size]
    del rest[:size]
    return taken


def _size(header: bytearray) -> int:
    summed = sum(header) - sum(header[_SUM]) + len(header[_SUM]) * ord(" ")
    if _number(header[_SUM]) != summed:
        raise _damaged("a header has another sum than it says")
    return _number(header[_SIZE])


def _number(digits: bytearray) -> int:
    """Read an octal number; GNU's other spelling, for files from 8 GiB on, is none."""
    text = bytes(digits).strip(b" \0")
    if not text or text.strip(b"01234567"):
        raise _damaged("a header has no octal number where there must be one")
    return int(text, 8)


def _damaged(problem: str) -> ProviderError:
    return invalid("AZQ105", None, f"the archive is damaged: {problem}")
