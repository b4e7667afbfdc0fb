"""A daemon in a process of its own, looked at from outside, and raw connections to it."""

import asyncio
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kyanite.stores.sqlite import READERS_MAX
from tests.http.places import WORKSPACE
from tests.http.test_stop import PATIENCE_S

DATABASES = 2
PAGE_BYTES = resource.getpagesize()
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing drops what was not sent, and tells the other side with a reset."""


class Daemon:
    """What there is to see of it: its answers, its log, and what the kernel knows of it."""

    def __init__(self, process, folder, key):
        self.process = process
        self.folder = folder
        self.key = {"x-ms-quantum-api-key": key} if key else {}
        assert process.stdout.readline() == "opening\n"
        self.address = process.stdout.readline().strip()
        self.host, _, port = self.address.removeprefix("http://").rpartition(":")
        self.port = int(port)

    def ask(self, path="/readyz", method="GET", content=None, **headers):
        """Status and body of an answer."""
        given = self.key | {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(self.address + path, content, given, method=method)
        try:
            with urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def link(self, container, blob=""):
        """Path and query of a link that allows all."""
        body = json.dumps({"containerName": container}).encode()
        status, told = self.ask(f"{WORKSPACE}/storage/sasUri", "POST", body)
        assert status == 200, told
        path, _, query = json.loads(told)["sasUri"].removeprefix(self.address).partition("?")
        return f"{path}/{blob}?{query}" if blob else f"{path}?{query}"

    def opened(self):
        """What is open, of a process that goes on opening and closing."""
        found, folder = [], Path(f"/proc/{self.process.pid}/fd")
        for name in os.listdir(folder):  # noqa: PTH208  # as text, of what may be gone by now
            with suppress(FileNotFoundError):
                found.append(os.readlink(folder / name))  # noqa: PTH115
        return sorted(found)

    def descriptors(self):
        """How many, but for those of the databases: a second reader opens them when two read at once."""
        opened = self.opened()
        assert sum(link.endswith(".sqlite") for link in opened) <= DATABASES * (1 + READERS_MAX), opened
        return sum(".sqlite" not in link for link in opened)

    def resident_bytes(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    def tasks(self):
        self.process.send_signal(signal.SIGUSR1)
        return int(self.process.stdout.readline().removesuffix(" tasks\n"))

    def logged(self):
        return (self.folder / "log").read_bytes()

    def staged(self):
        """The files of blocks that wait, and of those that were never whole."""
        return [path for path in self.folder.glob("data/staging/*/*/*") if path.is_file()]

    def until(self, condition, what):
        """Return once the condition holds; poll, but not for ever."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (what, self.opened())
            time.sleep(0.01)

    def check_at_rest(self, descriptors, tasks):
        """It serves as before, and has kept nothing of its clients."""
        self.until(lambda: self.descriptors() <= descriptors, "descriptors are left open")
        self.until(lambda: self.tasks() <= tasks, "tasks are left")
        self.until(lambda: json.loads(self.ask("/v1/usage")[1])["event_streams"] == 0, "streams are left")
        assert self.ask()[0] == 200
        log = self.logged()
        assert b"Traceback" not in log, log[max(0, log.find(b"Traceback") - 600) :][:4_000].decode(errors="replace")
        assert b'"level": "error"' not in log
        assert b"never retrieved" not in log


@contextmanager
def daemon(folder, key="", **server):
    """A daemon over an empty folder, or over one that holds this key; it ends in good order."""
    options = [f"{name}={value}" for name, value in server.items()]
    command = [sys.executable, "-m", "tests.crashes.daemon_process", folder / "data", "127.0.0.1:0", *options]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            running = Daemon(process, folder, key)
            running.link("warm")  # what is made with the first requests is there before anybody counts
            yield running
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


async def exchanged(host, port, content, *, wait_s, pieces=1, reset=False):
    """Send bytes on a connection of its own; return what comes back until it ends, or for so long."""
    reader, writer = await asyncio.open_connection(host, port)
    received = b""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(wait_s):
            length = max(1, -(-len(content) // pieces))
            for at in range(0, len(content), length):
                writer.write(content[at : at + length])
                await writer.drain()
                await asyncio.sleep(0)
            while chunk := await reader.read(65_536):
                received += chunk
    if reset and not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return received
