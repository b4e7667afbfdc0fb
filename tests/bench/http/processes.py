"""Processes beside the one that measures: started, asked what they cost so far, and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STOP_S = 30.0
SETTLED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.5
IDLE_S = 0.03


class Child:
    """A Python process that says on stdout, in its first line, where it listens."""

    def __init__(self, *arguments: str) -> None:
        """Start `python ARGUMENTS` and wait for that line. Raises `RuntimeError` if it ends without one."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KYANITE_")}
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            self.kill()
            message = f"{' '.join(arguments)} has ended"
            raise RuntimeError(message)

    def cpu_s(self) -> float:
        """Return the processor time of all its threads, in nanosecond steps: Linux's `schedstat`."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9

    def settle(self) -> None:
        """Wait until the processes that it has started, such as workers that load kernels, have nothing to do."""
        spent, deadline = -1.0, time.monotonic() + SETTLED_WITHIN_S
        while (now := self._children_s()) > spent + IDLE_S and time.monotonic() < deadline:
            spent = now
            time.sleep(LOOK_EVERY_S)

    def _children_s(self) -> float:
        """Return the processor time of its children."""
        spent_s = 0.0
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                fields = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(fields[1]) == self._process.pid:
                    spent_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return spent_s

    def resident_bytes(self, line: str = "VmRSS") -> int:
        """Return its resident memory, as it is or, as `VmHWM`, at its most."""
        for row in Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines():
            if row.startswith(line + ":"):
                return int(row.split()[1]) * 1024
        raise LookupError(line)

    def forget_peak(self) -> None:
        """Have the most of its memory count from now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def stop(self) -> float:
        """Send SIGTERM and return the seconds until its end. Raises `RuntimeError` unless it ends with 0."""
        start = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_S)
        if code:
            message = f"the process has ended with {code}"
            raise RuntimeError(message)
        return time.perf_counter() - start

    def kill(self) -> None:
        """End it in any case."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def child(*arguments: str) -> Iterator[Child]:
    """Yield a process, and stop it."""
    process = Child(*arguments)
    try:
        yield process
        process.stop()
    finally:
        process.kill()
