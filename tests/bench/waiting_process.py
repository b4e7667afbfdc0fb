"""A process with many waiting jobs that says how large it is: `python -m tests.bench.waiting_process FOLDER JOBS`.

It opens the folder's workspace and submits so many jobs to a target that is held up; with 0, those that wait in the
folder already are enough. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from kyanite import Workspace
from tests.bench.echo import HELD, IN_FLIGHT, many, payload, settings, with_held

SETTLED_S = 0.5


def main(folder: str, jobs: str) -> int:
    """Measure and print."""
    print(json.dumps(asyncio.run(measured(Path(folder), int(jobs)))))
    return 0


async def measured(folder: Path, jobs: int) -> dict[str, float]:
    """Return bytes before opening, once open and executing, half and all jobs waiting; and submit times."""
    workspace = Workspace.open(settings(folder))
    executing = with_held(workspace)
    before = resident_bytes("VmRSS")
    async with workspace:

        async def submit(number: int) -> None:
            await workspace.submit(HELD, payload(number))

        if jobs:
            await many(IN_FLIGHT, IN_FLIGHT, submit)
        await executing.wait()
        opened = resident_bytes("VmRSS")
        start = time.perf_counter()
        await many(jobs // 2, IN_FLIGHT, submit)
        half = resident_bytes("VmRSS")
        await many(jobs - jobs // 2, IN_FLIGHT, submit)
        taken_s = time.perf_counter() - start
        await asyncio.sleep(SETTLED_S)  # the window has been filled, and what filling it took has been let go of
        return {
            "before": before,
            "opened": opened,
            "half": half,
            "after": resident_bytes("VmRSS"),
            "peak": resident_bytes("VmHWM"),
            "submitting_s": taken_s,
            "waiting": await workspace.count_jobs(status="waiting"),
        }


def resident_bytes(line: str) -> int:
    """Return this process's resident memory, as it is (`VmRSS`) or at its most (`VmHWM`)."""
    for row in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if row.startswith(line + ":"):
            return int(row.split()[1]) * 1024
    raise LookupError(line)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
