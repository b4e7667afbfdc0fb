"""One worker process, seen from its parent: started, asked one thing at a time, and buried.

Plain callbacks of the event loop, no task and no thread: a warm question costs two system calls a side, and
whoever waits for an answer learns of the worker's death from the same future.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

import anyio

from kyanite.errors import RetryableError
from kyanite_providers.local.control import ControlBlock
from kyanite_providers.local.environment import worker_command
from kyanite_providers.local.frames import Reply, Request, frame, read_reply, take_frame

# Small: CPython allocates as much at each call.
_READ_BYTES: Final = 1 << 15
_BURIAL_POLL_S: Final = 0.002
_BURIAL_POLLS_MAX: Final = 500


class WorkerProcess:
    """A worker. `held` is the hash of the problem that it keeps parsed; `ended` is set when it is gone and
    reaped.
    """

    def __init__(self, environment: Mapping[str, str], on_end: Callable[[WorkerProcess], None]) -> None:
        """Start the process; it is busy importing at first, but may be asked at once.

        Must run in the event loop's own thread: the kernel's signal at a parent's death means the thread that
        forked.
        """
        self.held = ""
        self.ended = anyio.Event()
        self.control = ControlBlock()
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.Future[Reply] | None = None
        self._received = bytearray()
        self._unsent = bytearray()
        self._reason = ""
        with ExitStack() as undo:
            undo.callback(self.control.close)
            self._connection, theirs = socket.socketpair()
            undo.callback(self._connection.close)
            with theirs:
                self._connection.setblocking(False)
                self._process = _started(theirs.fileno(), self.control.fd, environment)
            undo.pop_all()
        self._loop.add_reader(self._connection, self._on_readable)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._connection.fileno() >= 0

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come, be there someone waiting for it or not."""
        return self._pending is not None

    def ask(self, request: Request) -> asyncio.Future[Reply]:
        """Send a request; the future gives the reply, or raises `RetryableError` `WorkerDied`."""
        if self._pending is not None:
            raise RuntimeError(f"worker {self.pid} is busy")
        content = frame(request)
        self._pending = self._loop.create_future()
        if not self.alive:
            self._pending.set_exception(self._death())
            return self._pending
        self._unsent += content
        self._send()
        if self._unsent:
            self._loop.add_writer(self._connection, self._on_writable)
        return self._pending

    def kill(self) -> None:
        """End the process without asking."""
        self._process.kill()

    def dismiss(self) -> None:
        """Close the connection, upon which the worker leaves, whatever it is doing."""
        if self.alive:
            self._hang_up()

    def _on_writable(self) -> None:
        self._send()
        if not self._unsent:
            self._loop.remove_writer(self._connection)

    def _send(self) -> None:
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The reader sees the same end, and what was said before it.
            self._unsent.clear()
            sent = 0
        del self._unsent[:sent]

    def _on_readable(self) -> None:
        try:
            chunk = self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._hang_up()
            return
        self._received += chunk
        try:
            content = take_frame(self._received)
            reply = None if content is None else read_reply(content)
        except ValueError as error:
            self._disown(f"said what is no reply: {error!s:.100}")
            return
        if reply is None:
            return
        if self._pending is None or self._received:
            self._disown("said more than it was asked for")  # what nobody waits for would be taken for the next reply
            return
        pending, self._pending = self._pending, None
        if not pending.done():
            pending.set_result(reply)

    def _disown(self, reason: str) -> None:
        """Kill a process that makes no sense; whoever waits hears why when it is gone."""
        self._received.clear()
        self._reason = reason
        self.kill()

    def _hang_up(self) -> None:
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        self._bury(_BURIAL_POLLS_MAX)

    def _bury(self, polls: int) -> None:
        """Reap the process; one that has closed its end without dying within a second is killed."""
        if self._process.poll() is None:
            if polls == 0:
                self.kill()
            self._loop.call_later(_BURIAL_POLL_S, self._bury, max(polls - 1, 0))
            return
        self.control.close()
        pending, self._pending = self._pending, None
        if pending is not None and not pending.done():
            pending.set_exception(self._death())
        self.ended.set()
        self._on_end(self)

    def _death(self) -> RetryableError:
        status = self._process.returncode
        if self._reason:
            return RetryableError("WorkerDied", f"worker process {self.pid} {self._reason}; it was killed")
        if status is None or status >= 0:
            return RetryableError("WorkerDied", f"worker process {self.pid} ended with exit status {status}")
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return RetryableError("WorkerDied", f"worker process {self.pid} was killed by {name}")


def _started(connection_fd: int, control_fd: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (our own command)
        worker_command(connection_fd, control_fd),
        stdin=subprocess.DEVNULL,
        env=dict(environment),
        pass_fds=(connection_fd, control_fd),
        # Out of reach of the terminal's ctrl-C, which is the parent's to handle.
        start_new_session=True,
    )
