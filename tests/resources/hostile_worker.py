"""A worker process that goes wrong at certain seeds: `python -m tests.resources.hostile_worker`.

Its arguments are a worker's. Any other request is answered as a worker answers it, by the real kernels.
"""

import ctypes
import math
import mmap
import os
import random
import socket
import struct
import sys
import time

from kyanite_providers.local import worker
from kyanite_providers.local.frames import Done, Solved, frame

FIRST_SEED = 666_000
WAYS = (
    *("segfault", "exit", "babble", "long frame", "short frame", "two answers", "another answer", "no answer"),
    *("raise", "out of memory", "mad block", "mad figures", "no file", "no JSON", "infinite curve", "glutton"),
)
SEEDS = {way: FIRST_SEED + number for number, way in enumerate(WAYS)}
OUTPUT = b'{"version":"1.0","configuration":{"0":1},"cost":-1.0,"parameters":{},"solutions":[]}'
DOUBLES = 16
MAD_S = 0.6
MAD = (math.nan, math.inf, -math.inf, -1.0, 2.0, 1e308, -1e308, 5e-324, float(2**63), float(2**64))


class HostileWorker(worker.Worker):
    """Does what the seed says."""

    connection: socket.socket

    def _run(self, request):
        way = request.parameters.get("seed", 0) - FIRST_SEED
        if not 0 <= way < len(WAYS):
            return super()._run(request)
        return getattr(self, "_" + WAYS[way].replace(" ", "_"))()

    def _segfault(self):
        ctypes.string_at(0)

    def _exit(self):
        os._exit(3)

    def _babble(self):
        self._say(struct.pack("<I", 64) + os.urandom(64))

    def _long_frame(self):
        self._say(b"\xff" * 64)

    def _short_frame(self):
        self.connection.sendall(frame(_solved())[:-5])
        os._exit(0)

    def _two_answers(self):
        self.connection.sendall(frame(_solved()) + frame(_solved(cost=-1e9)))
        time.sleep(3600)

    def _another_answer(self):
        return Done()

    def _no_answer(self):
        """Ignore the wish to stop."""
        time.sleep(3600)

    def _raise(self):
        raise ArithmeticError("no such number")

    def _out_of_memory(self):
        raise MemoryError

    def _glutton(self):
        """Ask for three gigabytes."""
        return _solved(cost=-1.0 * len([bytearray(1 << 20) for _ in range(3 << 10)]))

    def _mad_block(self):
        block, end_s = memoryview(self._control).cast("d"), time.monotonic() + MAD_S
        while time.monotonic() < end_s:
            for place in range(1, DOUBLES):
                block[place] = random.choice((*MAD, *struct.unpack("2d", os.urandom(16))))
            time.sleep(0.001)
        return _solved()

    def _mad_figures(self):
        return Solved(
            OUTPUT, -5, math.nan, 2**63 - 1, math.inf, [(math.nan, -1, math.nan), (math.inf, 2**63 - 1, 1e308)]
        )

    def _no_file(self):
        return Solved(None, 10, -1.0, 1, 0.1, [])

    def _no_JSON(self):  # noqa: N802  # as the way is called
        return Solved(os.urandom(100), 100, -1.0, 1, 0.1, [])

    def _infinite_curve(self):
        return Solved(OUTPUT, len(OUTPUT), -1.0, 1, 0.1, [(float(at), at, -float(at)) for at in range(10**6)])

    def _say(self, content):
        self.connection.sendall(content)
        time.sleep(3600)


def _solved(cost=-1.0):
    return Solved(OUTPUT, len(OUTPUT), cost, 1, 0.1, [(0.1, 1, cost)])


def serve(connection, honest):
    """Serve as a worker does, in its place."""
    hostile = HostileWorker(honest._control)
    hostile.connection = connection
    SERVE(connection, hostile)


SERVE = worker.serve

if __name__ == "__main__":
    assert mmap.PAGESIZE >= DOUBLES * 8
    assert len(sys.argv) == 4
    worker.serve = serve
    worker.main()
