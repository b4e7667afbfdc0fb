"""A large blob through the gateway, beside plain copies of as much over loopback, in turn with it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median
from typing import NamedTuple, ParamSpec

from tests.bench.http.client import connected
from tests.bench.http.copy_process import CHUNK_BYTES, HEAD
from tests.bench.http.gateway_client import PART_BYTES, GatewayClient
from tests.bench.http.processes import Child, child
from tests.bench.scale import Scale
from tests.bench.table import Cell, Grid

MIB = 1 << 20
CONTAINER = "bench-transfers"

P = ParamSpec("P")

_COLUMNS = (
    *("what", "MiB", "MB/s", "plain, MB/s", "ours to plain", "stored, MB/s", "ours to stored"),
    *("daemon, s CPU", "its memory, MiB", "at its most, MiB"),
)


_NOTE = (
    "The client is another process, with one connection and one buffer. Plain: sockets, and nothing else at the other "
    "end. Stored: the other end hashes and writes what it takes, and syncs it before it acknowledges; what it sends it "
    f"reads from a file and hashes. Blocks and ranges have {PART_BYTES // MIB} MiB, one after the other. The median of "
    "several turns each."
)


class Ends(NamedTuple):
    """The other ends: the daemon, one that copies, and one that also hashes and stores."""

    daemon: Child
    plain: Child
    stored: Child


def transfers(scale: Scale) -> Grid:
    """A large blob through the gateway."""
    size = scale.of(1 << 30, 16 * MIB)
    with (
        scale.folder() as folder,
        child("-m", "tests.bench.http.daemon_process", str(folder / "data")) as daemon,
        child("-m", "tests.bench.http.copy_process") as plain,
        child("-m", "tests.bench.http.copy_process", str(folder / "copied")) as stored,
        closing(GatewayClient(asyncio.run(_link(daemon)))) as gateway,
    ):
        if not scale.quick:
            daemon.settle()
        ends = Ends(daemon, plain, stored)
        ways = (
            ("upload", b">", gateway.upload),
            ("upload in blocks", b">", gateway.upload_blocks),
            ("download", b"<", lambda _, size: gateway.download("upload-0", size)),
            ("download in ranges", b"<", lambda _, size: gateway.download_ranges("upload-0", size)),
        )
        rows = [_in_turn(scale.of(3, 1), ends, name, direction, way, size) for name, direction, way in ways]
    return Grid(_COLUMNS, rows, [_NOTE])


def _in_turn(
    turns: int, ends: Ends, name: str, direction: bytes, way: Callable[[str, int], None], size: int
) -> tuple[Cell, ...]:
    """Move so many bytes our way and the plain ways, several times over; return the row of the table."""
    memory, before_s = ends.daemon.resident_bytes(), ends.daemon.cpu_s()
    ends.daemon.forget_peak()
    ours_s, plain_s, stored_s = [], [], []
    for turn in range(turns):
        ours_s.append(_timed(way, f"{name.replace(' ', '-')}-{turn}", size))
        plain_s.append(_timed(copied, ends.plain.address, direction, size))
        stored_s.append(_timed(copied, ends.stored.address, direction, size))
    ours, plain, stored = (size / 1e6 / median(taken_s) for taken_s in (ours_s, plain_s, stored_s))
    return (
        *(name, size / MIB, ours, plain, ours / plain, stored, ours / stored),
        (ends.daemon.cpu_s() - before_s) / turns,
        *(memory / MIB, ends.daemon.resident_bytes("VmHWM") / MIB),
    )


def copied(address: str, direction: bytes, size: int) -> None:
    """Send so many bytes to the other end, or take them from it. Raises `RuntimeError` if it ends before."""
    host, _, port = address.rpartition(":")
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(HEAD.pack(direction, size))
        if direction == b">":
            left = size
            while left:
                left -= connection.send(buffer[: min(left, CHUNK_BYTES)])
            size = 1  # the acknowledgement
        while size and (count := connection.recv_into(buffer)):
            size -= count
    if size:
        message = f"{size} bytes have not come"
        raise RuntimeError(message)


def _timed(call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> float:
    start = time.perf_counter()
    call(*args, **kwargs)
    return time.perf_counter() - start


async def _link(daemon: Child) -> str:
    async with connected(daemon.address, 1) as client:
        return await client.sas_uri(CONTAINER)
