"""The no-op job, and many of them at once: what throughput, latency and memory are measured with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import msgspec

from kyanite import Workspace
from kyanite.config import LimitSettings, Settings
from kyanite.ports import Task

TARGET = "bench.echo"
HELD = "bench.held"
IN_FLIGHT = 512


def settings(folder: Path) -> Settings:
    """Return the defaults for this folder, but nothing to wait for at the end."""
    return Settings(data_dir=str(folder), limits=LimitSettings(shutdown_grace_s=0.2))


def with_echo(workspace: Workspace) -> Workspace:
    """Give the workspace the no-op target: it reads its input and writes it as its output."""

    @workspace.target(TARGET, slots=IN_FLIGHT)
    async def echo(task: Task) -> None:
        await task.write_output(await task.read_input())

    return workspace


def with_held(workspace: Workspace) -> asyncio.Event:
    """Give the workspace a target whose first job goes on for ever, so that all others wait; return what tells when
    that job executes.
    """
    executing = asyncio.Event()

    @workspace.target(HELD, slots=1)
    async def hold(task: Task) -> None:
        executing.set()
        await asyncio.Event().wait()

    return executing


def payload(number: int) -> bytes:
    """Return the input of one job, like no other's."""
    return msgspec.json.encode({"job": number, "text": "a small input"})


async def many(jobs: int, in_flight: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Await `one(number)` for each of `jobs` numbers, `in_flight` of them at a time."""
    numbers = count()

    async def worker() -> None:
        while (number := next(numbers)) < jobs:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(worker())


async def solve_one(workspace: Workspace, number: int) -> None:
    """Submit, wait, read the result, and compare it."""
    sent = payload(number)
    job = await workspace.submit(TARGET, sent)
    if await job.get_results() != msgspec.json.decode(sent):
        message = f"job {job.id} returned another job's result"
        raise AssertionError(message)
