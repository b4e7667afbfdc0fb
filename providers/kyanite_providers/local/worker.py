"""One worker process: `python -m kyanite_providers.local.worker <socket> <control> <parent>`, started by the
pool.

It answers one request after the other over the socket it inherits, and leaves with its parent: when the other
end of the socket closes (a thread waits for that), and by the kernel's own signal where there is one. Nothing
that is printed can damage the conversation, because standard output goes to standard error.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from kyanite.errors import ProviderError
from kyanite_providers.local.environment import MEMORY_MAX
from kyanite_providers.local.frames import (
    Done,
    Inspect,
    Inspected,
    Ping,
    Reply,
    Request,
    Run,
    Warm,
    frame,
    read_request,
    refusal,
    take_frame,
)

if TYPE_CHECKING:
    from kyanite_providers.local.frames import Solved, Source
    from kyanite_providers.local.problem import Problem

_PR_SET_PDEATHSIG: Final = 1
_READ_BYTES: Final = 1 << 15
_FIRST_TO_GO: Final = "1000"


class Worker:
    """Answers requests; keeps the problem it parsed last, because a search is often repeated on the same
    one.
    """

    def __init__(self, control: mmap.mmap) -> None:
        """Take the control block that is shared with the parent."""
        self._control = control
        self._held: tuple[str, Problem] | None = None

    def answer(self, request: Request) -> Reply:
        """Return the reply. Raises what goes wrong."""
        match request:
            case Ping():
                return Done()
            case Warm():
                return _warm()
            case Inspect():
                return self._inspect(request)
            case Run():
                return self._run(request)

    def _inspect(self, request: Inspect) -> Inspected:
        problem = _read(request.source, request.inflated_max_bytes)
        terms = problem.coefficient.size + problem.group_scale.size
        return Inspected(problem.ids.size, terms, problem.references, problem.inflated_bytes)

    def _run(self, request: Run) -> Solved:
        from kyanite_providers.local.execution import execute

        if self._held is None or not request.source.sha256 or self._held[0] != request.source.sha256:
            self._held = None
            self._held = (request.source.sha256, _read(request.source, request.inflated_max_bytes))
        return execute(request, self._held[1], self._control)


def _read(source: Source, inflated_max_bytes: int) -> Problem:
    from kyanite_providers.local.problem import read_problem

    return read_problem(source, inflated_max_bytes)


def _warm() -> Done:
    import kyanite_kernels
    from kyanite_providers.local.compilation import report

    kyanite_kernels.warm(report)
    return Done()


def serve(connection: socket.socket, worker: Worker) -> NoReturn:
    """Answer requests until the parent is gone."""
    received = bytearray()
    while True:
        content = take_frame(received)
        if content is None:
            chunk = connection.recv(_READ_BYTES)
            if not chunk:
                os._exit(0)
            received += chunk
            continue
        reply = frame(_reply(worker, content))
        try:
            connection.sendall(reply)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)  # nobody is left to hear it


def _reply(worker: Worker, content: bytes) -> Reply:
    try:
        return worker.answer(read_request(content))
    except ProviderError as error:
        return refusal(error)
    except MemoryError:
        return refusal(ProviderError("InsufficientMemory", "AZQ001: the worker's memory does not suffice"))
    except Exception as error:  # noqa: BLE001  (one call's bug must not end the process with its warm kernels)
        return refusal(ProviderError("ProviderFault", f"{type(error).__name__}: {error}"))


def _leave_with(connection: socket.socket) -> None:
    """Wait for the other end to close, and then end the process at once, whatever it is doing."""
    poll = select.poll()
    # No events asked for: poll still reports the hang-up, and wakes for nothing else.
    poll.register(connection, getattr(select, "POLLRDHUP", 0))
    poll.poll()
    os._exit(0)


def _follow(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and check that it has not died before."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _confine(memory_max_bytes: int) -> None:
    """Have what would take too much memory fail here, as `MemoryError`, and if the machine's runs out all the same,
    have the system end this process rather than its parent.

    The limit counts memory asked for, used or not; Linux keeps it for all of it, other systems for a part.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_max_bytes, memory_max_bytes))
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def main() -> NoReturn:
    """Set the process up and serve."""
    connection_fd, control_fd, parent = (int(argument) for argument in sys.argv[1:4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _follow(parent)
    _confine(int(os.environ[MEMORY_MAX]))
    os.dup2(sys.stderr.fileno(), 1)
    connection = socket.socket(fileno=connection_fd)
    threading.Thread(target=_leave_with, args=(connection,), daemon=True).start()
    serve(connection, Worker(mmap.mmap(control_fd, 0)))


if __name__ == "__main__":
    main()
