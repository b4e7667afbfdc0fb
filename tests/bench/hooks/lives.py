"""The lives of a daemon that is killed again and again while jobs are submitted to it over HTTP."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from tests.bench.echo import many
from tests.bench.hooks.control import Control
from tests.bench.hooks.place import DAEMON
from tests.bench.http.client import Client, connected
from tests.bench.http.processes import ROOT, STOP_S

DELAYS_S = (0.05, 0.1, 0.2, 0.4, *(0.5,) * 36)
"""Enough that no event is given up, though each attempt fails with 30 %."""
CONNECTIONS = 16
OPENING_S = 0.7
"""Every third life ends within this after it has begun, open or not."""
RUNNING_S = 0.3
"""The others end within this after their share of the jobs was acknowledged."""
PAUSE_S = 0.01
SETTLED_WITHIN_S = 120.0
AGAIN = (409, 503)
"""A daemon that opens or ends answers so."""


class Life:
    """One life of the daemon, in a process group of its own."""

    def __init__(self, folder: Path, address: str) -> None:
        """Begin it; it may not be open yet."""
        self._process = subprocess.Popen(
            [sys.executable, *DAEMON, str(folder), address, *map(str, DELAYS_S)],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("KYANITE_")},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def opened(self) -> str:
        """Wait until it answers; return where it takes commands. Raises `RuntimeError` if it ends before."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        if not line:
            message = f"the daemon has ended with {self._process.wait(STOP_S)}"
            raise RuntimeError(message)
        return line[1]

    def last(self, most_s: float) -> None:
        """Let it live so long. Raises `RuntimeError` if it ends by itself."""
        try:
            code = self._process.wait(most_s)
        except subprocess.TimeoutExpired:
            return
        message = f"the daemon has ended with {code}"
        raise RuntimeError(message)

    def stop(self) -> None:
        """End it in good order. Raises `RuntimeError` if it does not."""
        self._process.send_signal(signal.SIGTERM)
        if code := self._process.wait(STOP_S):
            message = f"the daemon has ended with {code}"
            raise RuntimeError(message)

    def kill(self) -> None:
        """End it and whatever it has started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def life(folder: Path, address: str) -> Iterator[Life]:
    """Yield a life, which ends with the block in any case."""
    found = Life(folder, address)
    try:
        yield found
    finally:
        found.kill()


class Submitter:
    """Has every job submitted, whatever becomes of the daemon meanwhile."""

    def __init__(self, address: str, jobs: int) -> None:
        """Submit so many."""
        self.jobs = jobs
        self.acknowledged = 0
        self._address = f"http://{address}"

    def submit(self) -> None:
        """Return when all are acknowledged."""
        asyncio.run(self._submit())

    async def _submit(self) -> None:
        async with connected(self._address, CONNECTIONS) as client:
            await client.upload()
            await many(self.jobs, CONNECTIONS, lambda number: self._one(client, f"job-{number}"))

    async def _one(self, client: Client, job_id: str) -> None:
        while not await _taken(client, job_id):  # noqa: ASYNC110  # a daemon that is dead tells nothing
            await asyncio.sleep(PAUSE_S)
        self.acknowledged += 1


async def _taken(client: Client, job_id: str) -> bool:
    try:
        await client.put(job_id)
    except (aiohttp.ClientError, OSError):
        return False
    except RuntimeError as error:
        status = error.args[2]
        if status in AGAIN:
            return False
        if status != 200:  # it had been acknowledged before, and nobody has heard that
            raise
    return True


async def lived(
    folder: Path, address: str, submitter: Submitter, shares: Sequence[float], chance: random.Random
) -> None:
    """Live and die once for each share of the jobs that is to be acknowledged before, and then to a good end.

    Raises an `ExceptionGroup` of `RuntimeError` if a life ends by itself, or the last one comes to none.
    """
    async with asyncio.TaskGroup() as group:
        with life(folder, address) as first:
            await asyncio.to_thread(first.opened)
            group.create_task(asyncio.to_thread(submitter.submit))
            await _reached(submitter, shares[0])
            await asyncio.to_thread(first.last, chance.uniform(0.0, RUNNING_S))
        for number, share in enumerate(shares[1:], start=1):
            with life(folder, address) as each:
                if number % 3:
                    await asyncio.to_thread(each.opened)
                    await _reached(submitter, share)
                await asyncio.to_thread(each.last, chance.uniform(0.0, RUNNING_S if number % 3 else OPENING_S))
        with life(folder, address) as last:
            control = await asyncio.to_thread(last.opened)
            await _reached(submitter, submitter.jobs)
            await asyncio.to_thread(_settle, control)
            await asyncio.to_thread(last.stop)


async def _reached(submitter: Submitter, share: float) -> None:
    while submitter.acknowledged < share:  # noqa: ASYNC110  # it counts in another thread
        await asyncio.sleep(PAUSE_S)


def _settle(address: str) -> None:
    """Return when every job has ended, and every subscriber has heard what it was to hear."""
    control = Control(address)
    try:
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while any(left := control.ask("left")):
            if time.monotonic() > deadline:
                message = f"still left: {left}"
                raise RuntimeError(message)
            time.sleep(PAUSE_S * 5)
    finally:
        control.close()
