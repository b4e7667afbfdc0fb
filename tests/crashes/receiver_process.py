"""A receiver of webhooks that outlives those who send: `python -m tests.crashes.receiver_process FOLDER`.

Says on its standard output where it listens. A message for `/MODE/RUN` is heard once its id is in the file `heard-RUN`
of the folder; what is answered, the mode says (see `MODES`), and whether there is a file `open-RUN`.
"""

import asyncio
import os
import re
import sys
from collections import Counter
from pathlib import Path

OK, BUSY, BROKEN, GONE = (
    b"HTTP/1.1 %d %b\r\nContent-Length: 0\r\n\r\n" % each
    for each in ((200, b"OK"), (503, b"Unavailable"), (500, b"Broken"), (410, b"Gone"))
)
_PATH = re.compile(rb"POST /(\w+)/(\S+) ")
_ID = re.compile(rb"\r\nwebhook-id: (\S+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)

MODES = {
    "well": lambda times, opened: (True, OK),
    # Does not hear the first time, and breaks down the second time when it has heard.
    "stubborn": lambda times, opened: ((False, BUSY), (True, BROKEN))[times] if times < 2 else (True, OK),
    "closed": lambda times, opened: (True, OK) if opened else (False, BUSY),
    "gone": lambda times, opened: (True, OK) if opened else (False, GONE),
}
"""By name: whether a message that has come so many times before is heard, and what is answered."""


def heard(folder, run):
    """The ids of the messages that a run has heard, in order, repetitions too."""
    path = folder / f"heard-{run}"
    return path.read_text().split() if path.exists() else []


class Receiver:
    def __init__(self, folder):
        self.folder = folder
        self.times = Counter()

    async def meet(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(_LENGTH.search(head)[1]))
                found = (*_PATH.match(head).groups(), _ID.search(head)[1])
                writer.write(self.answer(*(part.decode() for part in found)))
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    def answer(self, mode, run, message_id):
        hears, said = MODES[mode](self.times[run, message_id], (self.folder / f"open-{run}").exists())
        self.times[run, message_id] += 1
        if hears:
            file = os.open(self.folder / f"heard-{run}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, f"{message_id}\n".encode())
            os.close(file)
        return said


async def main(folder):
    server = await asyncio.start_server(Receiver(Path(folder)).meet, "127.0.0.1", 0)
    sys.stdout.write("http://{}:{}\n".format(*server.sockets[0].getsockname()))
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
