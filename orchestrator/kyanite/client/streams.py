"""What a daemon streams, resumed wherever a connection broke: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from kyanite.client.connection import Connection, Query
from kyanite.client.frames import Frame, Frames
from kyanite.client.retries import Lost
from kyanite.core.events import AnyEvent, Event, Progressed
from kyanite.errors import InfrastructureError, QuotaExceeded

READY = "Ready"
"""The first frame: its id is the position that the stream starts after."""
END = "End"
"""The last frame of a stream that was asked for up to the log's end."""
PROGRESSED = "Progressed"
POSITION_DIGITS_MAX = 18
LASTING_S = 5.0
"""A stream that went on for so long was none that a daemon ends as soon as it has begun it."""

_event = msgspec.json.Decoder(AnyEvent)
_progress = msgspec.json.Decoder(Progressed)


async def bursts(connection: Connection, where: str, query: Query, after: int | None) -> AsyncGenerator[list[Frame]]:
    """Yield what a stream tells past a position, and without one as the daemon will have it, until `END`, if it comes.

    What comes together is yielded together. `READY` is the first that is yielded, and only once. Raises what
    `Connection.ask` does.
    """
    retries, reading = connection.retries(), _Reading(after)
    while not reading.ended:
        resumed = {} if reading.position is None else {"Last-Event-ID": str(reading.position)}
        try:
            async with connection.stream(where, query, resumed) as streamed:
                parser, opened = Frames(), connection.around.clock.monotonic()
                async for chunk in streamed.chunks:
                    burst = [frame for frame in parser.feed(chunk) if reading.is_news(frame)]
                    lasting = connection.around.clock.monotonic() - opened > LASTING_S
                    if lasting or any(frame.event != READY for frame in burst):
                        retries.answered()
                    if burst:
                        yield burst
        except Lost as error:
            lost = error
        except QuotaExceeded as refused:
            if not reading.begun:
                raise
            # The daemon may not have noticed yet that the stream before this one is no more.
            lost = Lost(str(refused), refused.retry_after_s or 0.0, refused)
        else:
            lost = Lost(f"{connection.address}: the stream of events ended")
        if not reading.ended:
            await retries.pause(lost)


class _Reading:
    """How far a stream was read, over all its connections."""

    def __init__(self, after: int | None) -> None:
        self.position = after
        self.begun = False
        self.ended = False

    def is_news(self, frame: Frame) -> bool:
        """Take note of a frame, and tell whether it says something that was not said before."""
        place = place_of(frame)
        if frame.event == END:
            self.ended = True
            return False
        if frame.event == READY:
            first, self.begun = not self.begun, True
            if place is not None and (self.position is None or place < self.position):
                self.position = place  # a log that ends before the place that was read to is an older one, put back
            return first
        if place is not None and self.position is not None and place <= self.position:
            return False
        self.position = self.position if place is None else place
        return True


def place_of(frame: Frame) -> int | None:
    """Return the position that a frame has as its id."""
    if frame.id is None:
        return None
    if not (frame.id.isascii() and frame.id.isdecimal() and len(frame.id) <= POSITION_DIGITS_MAX):
        raise InfrastructureError(f"an event of the stream has the id {frame.id!r:.100}, which is no position")
    return int(frame.id)


def updates_in(burst: list[Frame]) -> list[Event | Progressed]:
    """Return the events and the progress that frames tell of."""
    return [_update(frame) for frame in burst if frame.event != READY and frame.data]


def events_in(burst: list[Frame]) -> list[Event]:
    """Return the events that frames tell of."""
    return [update for update in updates_in(burst) if isinstance(update, Event)]


def _update(frame: Frame) -> Event | Progressed:
    try:
        update: Event | Progressed = (_progress if frame.event == PROGRESSED else _event).decode(frame.data)
    except (ValueError, RecursionError) as error:  # what msgspec raises, for text that is none, too
        raise InfrastructureError(f"an event of the stream can not be read: {error!s:.200}") from error
    return update
