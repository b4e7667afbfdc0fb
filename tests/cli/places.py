"""Folders with jobs in them, and calls of the command line: in this process, in another, and on a terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import NamedTuple

from kyanite import ProviderError, Workspace

PROBLEM = b'{"cost_function":{"version":"1.0","type":"ising","terms":[{"c":-9,"ids":[0]},{"c":-3,"ids":[1,0]}]}}'
COMMAND = [sys.executable, "-m", "kyanite"]
ENDLESS = ("--target", "microsoft.simulatedannealing.cpu", "-p", "sweeps=900000000", "-p", "restarts=1000")
PATIENCE_S = 40.0


class Call(NamedTuple):
    """What a call left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


def environment(**more):
    """The environment of this process without settings of Kyanite's, and with others."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("KYANITE", "_KYANITE", "NO_COLOR"))
    }
    return kept | more


def child(*arguments, **options):
    """Start a call in a process group of its own."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], env=environment(), start_new_session=True, **(pipes | options))


def until(condition, what):
    """Return what the condition returns as soon as that is true; poll for it, but not for ever."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        select.select([], [], [], 0.02)
    return value


def leftovers(group):
    """The processes of a process group that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = entry.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except OSError:  # it has ended meanwhile
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(entry.parent.name))
    return found


def on_terminal(*arguments, columns=80, env=None):
    """Call on a terminal so many columns wide; return the exit code and all that it showed."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = environment(TERM="xterm-256color", **(env or {}))
    env.pop("COLUMNS", None)
    process = subprocess.Popen([*COMMAND, *arguments], stdin=follower, stdout=follower, stderr=follower, env=env)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65_536):
            shown += chunk
    except OSError:
        shown += b""  # the terminal's way to say that nobody holds its other end
    os.close(leader)
    return process.wait(PATIENCE_S), shown.decode().replace("\r\n", "\n")


async def fill(folder):
    """Make a workspace with a job of each kind; return the ids by name."""
    ids = {}
    async with with_targets(Workspace.open(data_dir=folder)) as workspace:
        for name, target in (("good", "acme.echo"), ("bad", "acme.fail"), ("slow", "acme.late")):
            job = await workspace.submit(
                target,
                {"answer": [1, 2.5]},
                name=name,
                tags=[f"is-{name}", "made"],
                timeout_s=0.001 if name == "slow" else None,
            )
            ids[name] = (await job.wait()).id
    async with with_targets(Workspace.open(data_dir=folder, drive=False)) as workspace:
        ids["given up"] = (await (await workspace.submit("acme.echo", "x", name="given up")).cancel("no need")).id
        ids["waiting"] = (await workspace.submit("acme.echo", "plain text", name="waiting", priority=3)).id
    return ids


def with_targets(workspace):
    """Give the workspace targets that echo, that fail, and that never end by themselves."""

    @workspace.target("acme.echo")
    async def echo(task):
        await task.write_output(await task.read_input(), content_type="application/json")

    @workspace.target("acme.fail")
    async def fail(task):
        raise ProviderError("Broken", "it can not be done", target="input")

    @workspace.target("acme.late")
    async def late(task):
        await task.wait_cancel_requested()

    return workspace
