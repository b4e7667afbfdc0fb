"""What the tests ask the operating system about processes."""

import os
import time
from pathlib import Path

import anyio

PATIENCE_S = 10


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def exists(pid: int) -> bool:
    """Whether the process exists, be it as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children() -> set[int]:
    """The process ids of this process's children, zombies included."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition, patience_s=PATIENCE_S):
    """Wait until the condition holds, looking often."""
    with anyio.fail_after(patience_s):
        while not condition():  # noqa: ASYNC110  (what is waited for is the system's, and sets no event)
            await anyio.sleep(0.005)


def until_sync(condition, patience_s=PATIENCE_S):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
