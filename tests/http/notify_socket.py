"""The socket that a service manager would listen at, and what is said there."""

import select
import socket
import time
from contextlib import contextmanager

PATIENCE_S = 30.0


class NotifySocket:
    """What a daemon says, message by message, each as a dict of its lines."""

    def __init__(self, listener, address):
        self._listener = listener
        self.address = address
        self.process = None
        """The daemon, if it is a process of its own: one that has ended says nothing more."""

    def next(self, timeout_s=PATIENCE_S):
        """The next message. Raises `TimeoutError`."""
        deadline = time.monotonic() + timeout_s
        while not select.select([self._listener], [], [], min(max(deadline - time.monotonic(), 0.0), 0.1))[0]:
            if time.monotonic() >= deadline or (self.process is not None and self.process.poll() is not None):
                raise TimeoutError("nothing is said")
        lines = self._listener.recv(65_536).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def until(self, name):
        """The messages up to the first that has this line."""
        deadline = time.monotonic() + PATIENCE_S
        heard = []
        while not heard or name not in heard[-1]:
            heard.append(self.next(max(deadline - time.monotonic(), 0.001)))
        return heard

    def silent(self, seconds):
        """Whether nothing at all is said for so long."""
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False


@contextmanager
def listening(folder, *, abstract=False):
    """A manager at the path of a socket in the folder, or at an abstract name made of it."""
    name = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if abstract else name)
        yield NotifySocket(listener, "@" + name if abstract else name)
