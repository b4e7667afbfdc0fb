"""The daemon's loop looks after few sockets a turn, in turn, and keeps time as every loop does."""

import asyncio
import resource
import socket
import sys
import time

import pytest

from kyanite.http import loop

MANY = 200


@pytest.fixture
def _few(monkeypatch):
    monkeypatch.setattr(loop, "READY_MAX", 8)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, it is the loop of the standard library")
@pytest.mark.usefixtures("_few")
def test_few_sockets_are_looked_after_at_a_time_and_all_in_turn():
    async def read_all():
        running = asyncio.get_running_loop()
        pairs = [socket.socketpair() for _ in range(MANY)]
        turns: list[set[int]] = [set()]
        seen: set[int] = set()

        def readable(number):  # it stays so: nothing is taken out
            turns[-1].add(number)
            seen.add(number)

        for number, (ours, theirs) in enumerate(pairs):
            ours.setblocking(False)
            running.add_reader(ours, readable, number)
            theirs.send(b"x")
        while len(seen) < MANY:
            await asyncio.sleep(0)
            turns.append(set())
        for ours, theirs in pairs:
            running.remove_reader(ours)
            ours.close()
            theirs.close()
        return turns

    with asyncio.Runner(loop_factory=loop.new_loop) as runner:
        turns = runner.run(read_all())
    assert max(map(len, turns)) <= 8
    assert len(turns) <= 2 * MANY / 8 + 4


def test_it_sleeps_wakes_and_writes():
    async def echoed():
        begun = time.monotonic()
        await asyncio.sleep(0.02)
        assert time.monotonic() - begun >= 0.02

        async def answer(reader, writer):
            while chunk := await reader.read(1 << 16):
                writer.write(chunk)
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(bytes(4 << 20))
            writer.write_eof()
            received = await reader.read()
            writer.close()
            await writer.wait_closed()
        return await asyncio.to_thread(lambda: len(received))

    with asyncio.Runner(loop_factory=loop.new_loop) as runner:
        assert runner.run(echoed()) == 4 << 20


def test_as_many_files_as_the_process_may_open():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert loop.raise_file_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
