"""What a service manager is told of the daemon: the protocol of systemd's sd_notify(3), one datagram a message.

A manager that wants to hear names a socket in NOTIFY_SOCKET; without it, nothing is sent. What can not be sent is lost,
and logged once: the daemon goes on without its manager.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio

from kyanite.logs import logger

SEND_TIMEOUT_S = 0.5
"""How long a message may wait for room in the manager's queue, and the event loop with it."""
USEC_DIGITS_MAX = 20
"""As many as 64 bits have."""
ADDRESS_MAX = 108
"""The longest address of a socket of this kind."""
PATHS = ("/", "@")
"""How an address begins: the path of a socket, or a name of the abstract kind."""


class Notifier:
    """Tells the manager that listens at `address`, if any; `watchdog_s` is how long it waits for a sign of life."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        """Send nothing yet."""
        self._address = address
        self._failed = False
        self._status = ""
        self.watchdog_s = watchdog_s

    def ready(self, status: str) -> None:
        """Tell that the daemon answers; `status` is a line for people."""
        self._status = status
        self._send("READY=1", f"STATUS={status}")

    def stopping(self, status: str) -> None:
        """Tell that the daemon has begun to end."""
        self._send("STOPPING=1", f"STATUS={status}")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that the configuration is being read again, and when that is over, whatever came of it."""
        # By this time the manager knows which of two requests this is the answer to.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")
        try:
            yield
        finally:
            self._send("READY=1")

    async def watch(self, look: Callable[[], Awaitable[object]]) -> None:
        """Give a sign of life at each half of `watchdog_s`, if `look` has answered within a quarter of it; for ever.

        Nobody else does: an event loop that stands still, or a `look` that hangs, ends in the manager's restart. An
        error is an answer. The daemon waits out the failures of its store, and a restart would only interrupt jobs.
        """
        if self._address is None or self.watchdog_s is None:
            return
        late = False
        while True:
            if await _answers(look, self.watchdog_s / 4):
                self._send("WATCHDOG=1", *([f"STATUS={self._status}"] if late else []))
                late = False
                await anyio.sleep(self.watchdog_s / 2)
            else:
                logger().error("the store does not answer", within_s=self.watchdog_s / 4)
                self._send("STATUS=the store does not answer")
                late = True

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        message = "\n".join(" ".join(line.splitlines()) for line in lines).encode(errors="replace")
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_TIMEOUT_S)
                sender.sendto(message, address)
        except (OSError, ValueError) as error:  # also a path that is none
            if not self._failed:
                logger().warning("the service manager can not be told", error=str(error))
            self._failed = True


def from_environment(environ: Mapping[str, str] = os.environ) -> Notifier:
    """Return what tells the manager that started this process, as NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID say."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(PATHS):
        if address:
            logger().warning("the service manager listens where it can not be told", address=address[:ADDRESS_MAX])
        return Notifier()
    return Notifier(address, _watchdog_s(environ))


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return how long the manager waits for this process; it may wait for another, or for none."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or len(microseconds) > USEC_DIGITS_MAX:
        return None
    return int(microseconds) / 1e6 or None


async def _answers(look: Callable[[], Awaitable[object]], timeout_s: float) -> bool:
    """Tell whether anything comes back in time."""
    with anyio.move_on_after(timeout_s) as patience:
        try:
            await look()
        except Exception as error:  # noqa: BLE001  # it has answered
            logger().debug("the store answers with an error", error=str(error))
    return not patience.cancelled_caught
