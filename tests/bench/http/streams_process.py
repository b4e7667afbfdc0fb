"""The daemon of `daemon_process`, which tells for how long its loop was stalled; called in the same way.

The file `probe` in the folder holds a port of this machine. Whoever connects to it reads, as JSON, for how long at most
the loop was stalled since the connection before: by the wall, and of the processor, in seconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from kyanite.config import QuotaSettings, Settings
from kyanite.http.daemon import Running, serve
from kyanite.http.loop import new_loop, raise_file_limit
from tests.bench.http.daemon_process import providers, settings

PROBE = "probe"
TICK_S = 0.001


class Stalls:
    """How long the loop was kept from a timer that is due a millisecond after it was last there.

    On a machine that others use as well, some of that is theirs: so the processor time of the loop's thread from one
    tick to the next is taken, too.
    """

    def __init__(self) -> None:
        """Begin on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._late_s = self._busy_s = 0.0
        self._wait()

    def taken(self) -> tuple[float, float]:
        """Return the longest since this was asked last, by the wall and of the processor, in seconds."""
        worst_s = self._late_s, self._busy_s
        self._late_s = self._busy_s = 0.0
        return worst_s

    def _wait(self) -> None:
        self._due_s = self._loop.time() + TICK_S
        self._spent_s = time.thread_time()
        self._loop.call_at(self._due_s, self._tick)

    def _tick(self) -> None:
        self._late_s = max(self._late_s, self._loop.time() - self._due_s)
        self._busy_s = max(self._busy_s, time.thread_time() - self._spent_s)
        self._wait()


async def run(chosen: Settings, folder: Path) -> None:
    """Serve until SIGTERM."""
    stalls = Stalls()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(stalls.taken()).encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread((folder / PROBE).write_text, str(port), encoding="ascii")
        await serve(chosen, providers=providers(), started=_say)


def main(folder: str) -> int:
    """Let the workspace have more streams than it would by default."""
    path = Path(folder)
    gc.freeze()  # as `kyanite serve` does
    with asyncio.Runner(loop_factory=new_loop) as runner:
        raise_file_limit()
        runner.run(run(replace(settings(path), quota=QuotaSettings(event_streams_max=100_000)), path))
    return 0


def _say(running: Running) -> None:
    print(running.address, flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
