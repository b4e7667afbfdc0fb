"""The ends of jobs, told to whoever waits for them: one stream of final events for all waiters of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import anyio
import anyio.abc

from kyanite.client.connection import Connection, path
from kyanite.client.streams import READY, bursts, events_in
from kyanite.core.events import FINAL_EVENTS
from kyanite.errors import KyaniteError, WorkspaceClosed

QUERY = [*(("type", kind.__name__) for kind in FINAL_EVENTS), ("progress", "false")]


class _Stream:
    """Whether the stream has begun, or failed."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.failure: KyaniteError | None = None


class Endings:
    """Waiters by job. The stream begins with the first of them, and goes on until the connection is closed."""

    def __init__(self, connection: Connection, group: anyio.abc.TaskGroup) -> None:
        """Listen in this group."""
        self._connection = connection
        self._group = group
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._stream: _Stream | None = None
        self._closed = False

    @contextmanager
    def expected(self, job_id: str) -> Iterator[asyncio.Future[None]]:
        """Yield what is done when the job ends, or fails when that can not be heard."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(job_id, []).append(waiter)
        try:
            yield waiter
        finally:
            waiters = self._waiters.get(job_id, [])
            if waiter in waiters:
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[job_id]
            if not waiter.cancel() and not waiter.cancelled():
                waiter.exception()  # looked at, or asyncio would complain that nobody has

    async def listening(self) -> None:
        """Return once every end from now on is heard. Raises what `Connection.ask` does."""
        if self._closed:
            raise WorkspaceClosed("use it inside `async with`")
        stream = self._stream
        if stream is None:
            stream = self._stream = _Stream()
            self._group.start_soon(self._listen, stream)
        await stream.begun.wait()
        if stream.failure is not None:
            raise stream.failure

    async def _listen(self, stream: _Stream) -> None:
        try:
            async with aclosing(bursts(self._connection, path("events"), QUERY, None)) as source:
                async for burst in source:
                    if any(frame.event == READY for frame in burst):
                        stream.begun.set()
                    for event in events_in(burst):
                        for waiter in self._waiters.pop(event.job_id, ()):
                            if not waiter.done():
                                waiter.set_result(None)
        except KyaniteError as error:
            stream.failure = error
            self._stream = None  # whoever waits from now on begins anew
            self._fail(error)
            stream.begun.set()

    def close(self) -> None:
        """Tell whoever still waits."""
        self._closed = True
        self._fail(WorkspaceClosed("it closed before the job ended"))

    def _fail(self, error: KyaniteError) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(error)
        self._waiters.clear()
