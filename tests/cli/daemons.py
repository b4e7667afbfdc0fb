"""Daemons as processes, over folders with jobs in them, and calls that go to them."""

import signal
import subprocess
from contextlib import contextmanager
from typing import NamedTuple

from tests.cli.places import PATIENCE_S, child


class Daemon(NamedTuple):
    """A daemon that answers."""

    address: str
    folder: object
    process: subprocess.Popen


@contextmanager
def daemon_over(folder, *arguments):
    """Serve a folder on a free port."""
    process = child("serve", "--listen", "127.0.0.1:0", "-q", "--data-dir", folder, *arguments)
    with process:
        try:
            yield Daemon(process.stdout.readline().strip(), folder, process)
        finally:
            process.kill()


def stop(daemon):
    """End a daemon as its service manager would; it must say nothing."""
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.stderr.read() == ""
    assert daemon.process.wait(PATIENCE_S) == 0
