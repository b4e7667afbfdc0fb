"""The newest events of a workspace, or of one job, as their live readers share them: in memory, and without a gap."""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, Protocol, TypeVar

import msgspec

from kyanite.core.events import Event, Progressed, encode_event
from kyanite.core.job import JobDetails

E = TypeVar("E", bound=Event | Progressed)


class Entry(Generic[E]):
    """An event, or progress, with what filters ask of its job. Made once for all readers."""

    __slots__ = ("_frame", "event", "tags", "target")

    def __init__(self, event: E, details: JobDetails | None = None) -> None:
        """Tell of this; without the job's row, nothing is known of its labels yet."""
        self.event = event
        self.target = details and details.target
        self.tags = details.tags if details is not None else ()
        self._frame = b""

    @property
    def frame(self) -> bytes:
        """The frame of an event stream, encoded when it is first asked for.

        Source: WHATWG HTML Living Standard, section 9.2 "Server-sent events". JSON holds no line break, so that one
        `data` line takes it.
        """
        if not self._frame:
            self._frame = _frame(self.event)
        return self._frame


def _frame(event: Event | Progressed) -> bytes:
    if isinstance(event, Progressed):
        return b"event: Progressed\ndata: %b\n\n" % msgspec.json.encode(event)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.position, type(event).__name__.encode(), encode_event(event))


class Reader(Protocol):
    """Whoever is told of what is new. None of these may wait or fail."""

    def news(self) -> None:
        """Take what the stretch has that is new, or note that there is something."""

    def beat(self) -> None:
        """Show that nothing is new."""

    def close(self) -> None:
        """End: nothing more will come."""


class Stretch:
    """All events under one key whose position is past `base`, oldest first, and the readers that take them from here.

    Its own bounds decide when the older half is dropped; who has not come so far reads it from the log.
    """

    __slots__ = (
        *("_bytes_max", "_length_max", "_size", "base", "busy", "due", "entries", "newest", "positions", "readers"),
        *("rest_until", "telling"),
    )

    def __init__(self, base: int, length_max: int, bytes_max: int) -> None:
        """Begin after position `base`."""
        self.base = base
        self.entries: list[Entry[Event]] = []
        self.positions: list[int] = []
        self.readers: dict[Reader, None] = {}
        self.newest: dict[str, Entry[Progressed]] = {}
        """Progress that no round has told yet, by job."""
        self.telling: dict[str, Entry[Progressed]] = {}
        """Progress that the round under way tells."""
        self.busy = False
        """Whether a round is under way, or about to begin."""
        self.due = False
        """Whether there is more since it began."""
        self.rest_until = 0.0
        """The loop's time before which no other round begins."""
        self._length_max = length_max
        self._bytes_max = bytes_max
        self._size = 0

    def add(self, entry: Entry[Event], position: int) -> None:
        """Append the event that is next under this key."""
        self.entries.append(entry)
        self.positions.append(position)
        self._size += len(entry.frame)
        while len(self.entries) > self._length_max or self._size > self._bytes_max:
            self._drop((len(self.entries) + 1) // 2)

    def restart(self, base: int) -> None:
        """Forget everything: there may be a gap before what comes next."""
        self._drop(len(self.entries))
        self.base = base

    def since(self, position: int) -> list[Entry[Event]] | None:
        """Return the events past a position; `None` if it lies before `base`, so that they have to be read."""
        if position < self.base:
            return None
        if not self.positions or self.positions[-1] <= position:
            return []
        return self.entries[bisect_right(self.positions, position) :]

    def ended(self, job_id: str) -> None:
        """Drop progress of a job that has ended: nobody is told of it after the end."""
        self.newest.pop(job_id, None)
        self.telling.pop(job_id, None)

    def _drop(self, count: int) -> None:
        if count:
            self._size -= sum(len(entry.frame) for entry in self.entries[:count])
            self.base = self.positions[count - 1]
            del self.entries[:count], self.positions[:count]
