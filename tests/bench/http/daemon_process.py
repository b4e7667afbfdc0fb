"""A daemon with the no-op target and one that holds its jobs: `python -m tests.bench.http.daemon_process FOLDER`.

Says on stdout where it listens, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from msgspec.structs import replace

from kyanite import Target
from kyanite.config import ServerSettings, Settings
from kyanite.http.daemon import Running, serve
from kyanite.http.loop import new_loop
from kyanite.ports import Provider, Task
from kyanite.runtime.coroutines import CoroutineProvider
from tests.bench import echo

HELD = "held.bench"


def settings(folder: Path) -> Settings:
    """Return the settings of every bench, with a free port."""
    return replace(echo.settings(folder), server=ServerSettings(listen="127.0.0.1:0", drain_s=5.0))


def providers() -> list[Provider]:
    """Return the two targets: one writes its input as its output, the other waits until it is told to stop."""

    async def repeat(task: Task) -> None:
        await task.write_output(await task.read_input())

    async def hold(task: Task) -> None:
        await task.wait_cancel_requested()

    return [
        CoroutineProvider(Target(id=echo.TARGET, provider_id="bench", slots=echo.IN_FLIGHT), repeat),
        CoroutineProvider(Target(id=HELD, provider_id="held"), hold),
    ]


def main(folder: str) -> int:
    """Serve until SIGTERM."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(settings(Path(folder)), providers=providers(), started=_say))
    return 0


def _say(running: Running) -> None:
    print(running.address, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
