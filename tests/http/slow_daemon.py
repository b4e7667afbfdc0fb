"""A daemon with one job that ends when a line comes on stdin: `python -m tests.http.slow_daemon FOLDER DRAIN_S`.

It says on stdout where it listens, and when the job begins.
"""

import asyncio
import sys

from kyanite import Target, Workspace, logs
from kyanite.http.daemon import serve
from kyanite.runtime.coroutines import CoroutineProvider
from tests.http.places import settings


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(folder, drain_s):
    line = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, line.set)

    async def slow(task):
        say("began")
        await line.wait()
        return "done"

    provider = CoroutineProvider(Target(id="acme.slow", provider_id="acme"), slow)
    chosen = settings(folder, drain_s=float(drain_s))
    async with Workspace.open(chosen, drive=False, providers=[provider]) as workspace:
        if not [job async for job in workspace.list_jobs()]:
            await workspace.submit("acme.slow", b"", job_id="slow")
    await serve(chosen, providers=[provider], started=lambda running: say(running.address))


if __name__ == "__main__":
    logs.configure()
    asyncio.run(main(*sys.argv[1:]))
