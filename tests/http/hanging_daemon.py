"""A daemon that can be brought to a standstill: `python -m tests.http.hanging_daemon FOLDER`, and a line on stdin.

`store` lets no read of the job store come back any more, `loop` no callback of the event loop.
"""

import asyncio
import sys
import threading
import time

from kyanite import logs
from kyanite.http.daemon import serve
from kyanite.stores.sqlite import SQLiteStore
from tests.http.places import settings

going_on = threading.Event()
going_on.set()
reader = SQLiteStore._reader


def patient_reader(store):
    going_on.wait()
    return reader(store)


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def told():
    match sys.stdin.readline().strip():
        case "store":
            going_on.clear()
        case "loop":
            time.sleep(3_600)


async def main(folder):
    SQLiteStore._reader = patient_reader
    asyncio.get_running_loop().add_reader(sys.stdin, told)
    await serve(settings(folder), started=lambda running: say(running.address))


if __name__ == "__main__":
    logs.configure()
    asyncio.run(main(*sys.argv[1:]))
