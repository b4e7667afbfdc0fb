"""Server-sent events, read out of the chunks that they come in.

The format is that of the HTML standard, section 9.2: lines that end in CR, LF or both, `field: value`, a blank line
after each event, and comments that begin with a colon. `retry` is left out: how often to try is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from kyanite.errors import InfrastructureError

FRAME_BYTES_MAX = 32 << 20
"""More than any event of a daemon has: what goes on beyond that is none."""
_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the end of a chunk may be half of a CRLF
_LINE_END = re.compile(rb"[\r\n]")
_MARK = b"\xef\xbb\xbf"


class Frame(Struct, gc=False, frozen=True):
    """One event of a stream: its type, what it says, and its id if it has one. One without data only tells an id."""

    event: str
    data: bytes
    id: str | None = None


class Frames:
    """The events in a stream of bytes, whatever its chunks begin and end with. A last one that is cut short is none."""

    def __init__(self) -> None:
        """Begin at the start of a stream."""
        self._started = False
        self._rest = bytearray()
        self._fields: list[tuple[bytes, bytes]] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the events that end in this chunk. Raises `InfrastructureError` for what is no such stream."""
        if self._started and not self._rest.endswith(b"\r") and _LINE_END.search(chunk) is None:
            self._rest += chunk  # nothing ends here; what came before is not looked through again and again
            self._check_length()
            return []
        held = bytes(self._rest) + chunk
        if not self._started:
            if _MARK.startswith(held):
                self._rest = bytearray(held)
                return []  # too short to tell
            held, self._started = held.removeprefix(_MARK), True
        *lines, rest = _LINE.split(held)
        self._rest = bytearray(rest)
        found = [frame for line in lines for frame in self._line(line)]
        self._check_length()
        return found

    def _check_length(self) -> None:
        if self._held + len(self._rest) > FRAME_BYTES_MAX:
            raise InfrastructureError(f"an event of the stream has more than {FRAME_BYTES_MAX:,} bytes")

    def _line(self, line: bytes) -> Iterator[Frame]:
        if line:
            name, _, value = line.partition(b":")
            if name:
                self._fields.append((name, value.removeprefix(b" ")))
                self._held += len(line)
            return
        fields, self._fields, self._held = self._fields, [], 0
        latest = dict(fields)
        if b"data" in latest or b"id" in latest:
            said = b"\n".join(value for name, value in fields if name == b"data")
            number = latest.get(b"id")
            yield Frame(_text(latest.get(b"event", b"message")), said, None if number is None else _text(number))


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
