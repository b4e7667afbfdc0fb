"""One run of a program: started in a process group of its own, heard within bounds, and always ended and reaped.

Plain callbacks of the event loop, no task and no thread. The input is a file in memory, so that nobody has to wait for
a program that does not read it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

import anyio

OUTPUT_BYTES_MAX = 65_536
"""What is kept of an output. The rest is read, and dropped."""
GRACE_S = 2.0
"""How long a program has, once it is told to end, before it is killed."""
REST_S = 0.5
"""How long the end of the output is waited for once the program has ended: what left its group may hold it open."""
REAP_S = 5.0
"""How long a killed process may take to be gone. The kernel may hold one for longer; nobody has to wait for it."""
_DROP_INTERVAL_S = 0.001
"""A program that writes and writes keeps the event loop no busier than this; 64 MB a second still get through."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended. Without a status, a signal ended it."""

    status: int | None
    signal: str
    output: bytes
    dropped_bytes: int
    in_time: bool


async def run(command: Sequence[bytes], content: bytes, environment: Mapping[str, str], timeout_s: float) -> Outcome:
    """Run a program with this on its standard input, and return how it ended; after `timeout_s`, end it.

    All of its process group ends with it, also when this is cancelled. Raises `OSError` if it can not be started.
    """
    with _Child(command, content, environment) as child:
        try:
            with anyio.move_on_after(timeout_s) as limit:
                await child.gone.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await child.end()
        return child.outcome(in_time=not limit.cancelled_caught)


class _Child:
    """A process that was started. `gone` is set when it has ended, `silent` when its output has."""

    def __init__(self, command: Sequence[bytes], content: bytes, environment: Mapping[str, str]) -> None:
        """Start it, and listen to it from now on. Raises `OSError`."""
        self.gone = anyio.Event()
        self.silent = anyio.Event()
        self._output = bytearray()
        self._dropped_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        with ExitStack() as undo:
            self._pipe, theirs = os.pipe()
            undo.callback(os.close, self._pipe)
            with open(theirs, "wb") as output:  # noqa: PTH123  # a descriptor
                self._process = _started(command, content, output, environment)
            undo.callback(self._abandon)
            self._life = os.pidfd_open(self._process.pid)
            undo.pop_all()
        self._loop.add_reader(self._life, self._on_end)
        self._loop.add_reader(self._pipe, self._on_output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Listen no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._life)
        self._loop.remove_reader(self._pipe)
        os.close(self._life)
        os.close(self._pipe)

    async def end(self) -> None:
        """Have it end if it has not, and with it whatever else is left of its process group; reap it."""
        if not self.gone.is_set():
            self._signal(signal.SIGTERM)
            with anyio.move_on_after(GRACE_S):
                await self.gone.wait()
                await self.silent.wait()
        # Nobody else can have the group's number: the process, even where it has ended, is not reaped yet.
        self._signal(signal.SIGKILL)
        with anyio.move_on_after(REAP_S):
            await self.gone.wait()
            with anyio.move_on_after(REST_S):
                await self.silent.wait()
        self._process.poll()

    def outcome(self, *, in_time: bool) -> Outcome:
        """Return how it ended."""
        status = self._process.returncode
        killed = status is not None and status < 0
        return Outcome(
            status=None if killed else status,
            signal=_name(-status) if status is not None and killed else "",
            output=bytes(self._output),
            dropped_bytes=self._dropped_bytes,
            in_time=in_time,
        )

    def _signal(self, number: signal.Signals) -> None:
        # It may be gone, or have become another user's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._life)
        self.gone.set()

    def _on_output(self) -> None:
        chunk = os.read(self._pipe, OUTPUT_BYTES_MAX)
        if not chunk:
            self._loop.remove_reader(self._pipe)
            self.silent.set()
            return
        kept = chunk[: OUTPUT_BYTES_MAX - len(self._output)]
        self._output += kept
        self._dropped_bytes += len(chunk) - len(kept)
        if self._dropped_bytes:
            self._loop.remove_reader(self._pipe)
            self._pause = self._loop.call_later(_DROP_INTERVAL_S, self._loop.add_reader, self._pipe, self._on_output)

    def _abandon(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()


def _started(
    command: Sequence[bytes], content: bytes, output: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    with open(os.memfd_create("event"), "w+b") as stdin:  # noqa: PTH123  # a descriptor
        stdin.write(content)
        stdin.seek(0)
        return subprocess.Popen(  # noqa: S603  # an argument list that the configuration gives
            command, stdin=stdin, stdout=output, stderr=output, env=environment, start_new_session=True
        )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
