"""Processes, seen from outside."""

import os
import re
from contextlib import suppress
from pathlib import Path

import anyio

PATIENCE_S = 10.0


async def until(condition):
    with anyio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for is the system's, and sets no event
            await anyio.sleep(0.005)


async def numbers(path, count):
    """Return the numbers of processes that a program writes into a file, once they are there."""
    await until(lambda: path.exists() and len(path.read_text().split()) >= count)
    return [int(word) for word in path.read_text().split()]


def alive(pid):
    """Whether a process executes; one that only nobody has reaped yet does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        state = re.search(r"\) (\w)", Path(f"/proc/{pid}/stat").read_text())
        return state is not None and state[1] not in "ZX"
    return False


def is_child(pid):
    """Whether it is a process of ours that is not reaped."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())
