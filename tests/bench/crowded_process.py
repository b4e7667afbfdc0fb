"""A process that opens a crowded workspace and asks it questions: `python -m tests.bench.crowded_process FOLDER S`.

It asks each question for S seconds, one time after the other; with 0 it only opens. Prints one JSON object: how long
opening took, each question's times, and what submits took meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kyanite import Workspace
from tests.bench.echo import HELD, TARGET, payload, settings, with_held
from tests.bench.filling import TAG
from tests.bench.waiting_process import resident_bytes

PAUSE_S = 0.002
PAGED = 20_000

Question = Callable[[], Awaitable[int]]
"""Asks the workspace once, and returns how many rows or groups came back."""


def main(folder: str, seconds: str) -> int:
    """Measure and print."""
    print(json.dumps(asyncio.run(measured(Path(folder), float(seconds)))))
    return 0


async def measured(folder: Path, seconds: float) -> dict[str, Any]:
    """Open, wait for the first execution, and ask each question over and over for so long while submitting."""
    start = time.perf_counter()
    workspace = Workspace.open(settings(folder))
    executing = with_held(workspace)
    async with workspace:
        ready_s = time.perf_counter() - start
        await executing.wait()
        found: dict[str, Any] = {"ready_s": ready_s, "executing_s": time.perf_counter() - start}
        if seconds:
            found["idle"] = await submits(workspace, asyncio.sleep(seconds))
            found["questions"] = {
                name: await asked(workspace, question, seconds) for name, question in questions(workspace).items()
            }
        found["resident"] = resident_bytes("VmRSS")
        return found


async def asked(workspace: Workspace, question: Question, seconds: float) -> dict[str, Any]:
    """Ask for so long, at least twice; return rows, the seconds of each answer, and those of submits meanwhile."""
    taken: list[float] = []
    rows = 0

    async def again() -> None:
        nonlocal rows
        end = time.perf_counter() + seconds
        while len(taken) < 2 or time.perf_counter() < end:
            start = time.perf_counter()
            rows = await question()
            taken.append(time.perf_counter() - start)

    return {"submits": await submits(workspace, again()), "taken": taken, "rows": rows}


async def submits(workspace: Workspace, meanwhile: Awaitable[None]) -> list[float]:
    """Submit one job after another until `meanwhile` is over; return the seconds of each."""
    taken: list[float] = []

    async def go_on() -> None:
        while True:
            start = time.perf_counter()
            await workspace.submit(HELD, payload(0))
            taken.append(time.perf_counter() - start)
            await asyncio.sleep(PAUSE_S)

    async with asyncio.TaskGroup() as group:
        prober = group.create_task(go_on())
        await meanwhile
        prober.cancel()
    return taken


def questions(workspace: Workspace) -> dict[str, Question]:
    """Return what people and dashboards ask."""

    def page(limit: int = 200, **filters: Any) -> Question:
        async def ask() -> int:
            return len([job async for job in workspace.list_jobs(limit=limit, **filters)])

        return ask

    def count(by: str | None = None, **filters: Any) -> Question:
        async def ask() -> int:
            answer = await workspace.count_jobs(by, **filters)
            return len(answer) if isinstance(answer, dict) else answer

        return ask

    recently = datetime.now(UTC) - timedelta(days=1)
    return {
        "list_jobs()": page(),
        "list_jobs(descending)": page(descending=True),
        "list_jobs(status=waiting)": page(status="waiting"),
        "list_jobs(status=failed, descending)": page(status="failed", descending=True),
        "list_jobs(order=name)": page(order="name"),
        "list_jobs(status=waiting, order=name)": page(status="waiting", order="name"),
        "list_jobs(status=waiting, order=rank)": page(status="waiting", order="rank"),
        "list_jobs(target, status=succeeded)": page(target=TARGET, status="succeeded"),
        "list_jobs(name_prefix)": page(name_prefix="bench 1234"),
        "list_jobs(tag)": page(tag=TAG),
        "list_jobs(created_after, status=failed)": page(created_after=recently, status="failed"),
        f"list_jobs(limit={PAGED:,})": page(PAGED),
        f"list_jobs(limit={PAGED:,}, order=name)": page(PAGED, order="name"),
        "count_jobs()": count(),
        "count_jobs(by=status)": count("status"),
        "count_jobs(by=target)": count("target"),
        "count_jobs(status=waiting)": count(status="waiting"),
        "count_jobs(status=failed, created_after)": count(status="failed", created_after=recently),
        "count_jobs(by=status, tag)": count("status", tag=TAG),
        "count_jobs(by=status, name_prefix)": count("status", name_prefix="bench 12"),
    }


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
