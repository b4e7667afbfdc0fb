"""More clients than there is room for: those beyond are told so at once, the others go on, and memory stays bounded."""

import asyncio
import re
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from kyanite.http.room import SharedRoom
from kyanite.http.service import BODIES_BYTES_MAX
from tests.http.limited import until
from tests.http.places import settings
from tests.http.robustness.places import daemon
from tests.http.test_stop import PATIENCE_S

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

BODY_BYTES = 4 << 20
CLIENTS = 200
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
PIECE_BYTES = 64 << 10
PIECES = [b'{"target":"acme.none"}'.ljust(PIECE_BYTES), *[b" " * PIECE_BYTES] * (BODY_BYTES // PIECE_BYTES - 2)]
PIECES.append(b" " * (PIECE_BYTES - 1))
PEAK_BYTES_MAX = BODIES_BYTES_MAX + BODIES_BYTES_MAX // 2


def test_room_is_shared():
    room = SharedRoom(5, 3)
    with room.held("a", 3, TimeoutError()), room.held("b", 1, TimeoutError()):
        for client, amount in (("a", 1), ("b", 3), ("c", 2)):
            with pytest.raises(TimeoutError), room.held(client, amount, TimeoutError()):
                raise AssertionError
        with room.held("c", 1, TimeoutError()):
            assert room.room.taken == 5
    with room.held("b", 3, TimeoutError()):
        assert room.room.taken == 3
    assert (room.room.taken, len(room._of)) == (0, 0)


@asynccontextmanager
async def connected(address, **options):
    """A connection of its own."""
    host, _, port = address.partition("://")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), **options)
    try:
        yield reader, writer
    finally:
        writer.close()


async def asked(reader, writer):
    """The first line of an answer, on a connection that goes on."""
    writer.write(ALIVE)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
    return head.partition(b"\r\n")[0]


@pytest.mark.parametrize("dev_tls", [False, True])
async def test_connections(tmp_path, dev_tls):
    async with (
        serving(settings(tmp_path, connections_max=3), dev_tls=dev_tls) as running,
        AsyncExitStack() as held,
        asyncio.timeout(PATIENCE_S),
    ):
        trusting = {"ssl": ssl.create_default_context(cafile=running.authority)} if dev_tls else {}
        for _ in range(3):
            there = await held.enter_async_context(connected(running.address, **trusting))
            assert await asked(*there) == b"HTTP/1.1 200 OK"
        for _ in range(20):
            async with connected(running.address, **trusting) as (reader, _):
                told = await reader.read()
            assert told.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n")
            head, _, problem = told.partition(b"\r\n\r\n")
            assert b"Content-Length: %d\r\n" % len(problem) in head
            assert b"server.connections_max is 3" in problem
        assert await asked(*there) == b"HTTP/1.1 200 OK"
        there[1].close()

        async def room():
            async with connected(running.address, **trusting) as (reader, writer):
                writer.write(ALIVE)
                return (await reader.readline()).startswith(b"HTTP/1.1 200")

        await until(room, "a connection that has ended is counted")


class Sender:
    """A client that sends a long body in small pieces, and keeps the last byte until it is told to."""

    def __init__(self, daemon, key, last):
        self.daemon, self.key, self.last = daemon, key, last
        self.sent = asyncio.Event()
        self.told = b""

    async def run(self):
        async with connected(self.daemon.address) as (reader, writer), asyncio.TaskGroup() as group:
            writer.write(HEAD % (self.key.encode(), BODY_BYTES))
            answer = group.create_task(reader.readuntil(b"\r\n\r\n"))
            for piece in PIECES:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
                if answer.done():
                    break
            self.sent.set()
            if not answer.done():
                await self.last.wait()
                writer.write(b" ")
            self.told = await answer


def peak_bytes(process):
    """The most memory that a process ever had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


async def crowd(running, keys):
    """So many clients with long bodies at the same time; return what each is told."""
    last = asyncio.Event()
    senders = [Sender(running, keys[number % len(keys)], last) for number in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.run())
        for sender in senders:
            await sender.sent.wait()
        status, _ = await asyncio.to_thread(running.ask)
        assert status == 200, "others are not served meanwhile"
        last.set()
    return [sender.told for sender in senders]


def answered_with(told, head):
    return sum(each.startswith(head) for each in told)


@pytest.mark.timeout(120)
def test_long_bodies_of_many_clients_stay_within_their_room(tmp_path):
    made = Keys(tmp_path / "data")
    keys = [made.create()[1] for _ in range(4)]
    with daemon(tmp_path) as running:
        before, tasks = running.descriptors(), running.tasks()
        resident = running.resident_bytes()
        told = asyncio.run(crowd(running, keys))
        most = BODIES_BYTES_MAX // BODY_BYTES
        assert answered_with(told, b"HTTP/1.1 422 ") == most
        assert answered_with(told, b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n") == CLIENTS - most
        assert peak_bytes(running.process) - resident < PEAK_BYTES_MAX
        for _ in range(most + 1):  # there is room again
            status, _ = running.ask("/v1/jobs", "POST", b"{}".ljust(PIECE_BYTES + 1))
            assert status == 422
        running.check_at_rest(before, tasks)


async def test_one_client_leaves_room_for_others(tmp_path):
    async with serving(settings(tmp_path, keys_required=True)) as running, asyncio.timeout(PATIENCE_S):
        one, other = (running.keys.create()[1].encode() for _ in range(2))
        each = running.service.state.bodies.each // BODY_BYTES
        async with AsyncExitStack() as held:
            for _ in range(each):
                _, writer = await held.enter_async_context(connected(running.address))
                writer.write(HEAD % (one, BODY_BYTES))
            await until(lambda: taken(running, each * BODY_BYTES), "they are not being read")
            for key, status in ((one, b"503"), (other, b"422")):
                async with connected(running.address) as (reader, writer):
                    writer.write(HEAD % (key, PIECE_BYTES + 1) + b"{}".ljust(PIECE_BYTES + 1))
                    assert (await reader.readline()).split()[1] == status
        await until(lambda: taken(running, 0), "those who have gone are counted")


async def taken(running, amount):
    return running.service.state.bodies.room.taken == amount
