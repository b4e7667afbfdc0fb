"""No endpoint gets more out of a post than it is due: not of time, nor of memory, nor a second post."""

import asyncio
import gzip
import socket
import tracemalloc

import anyio
import pytest

from kyanite.errors import Undelivered
from kyanite.outlets.webhooks.sender import Gone, Sender
from tests.outlets.webhooks.places import OK, listening, saying
from tests.outlets.webhooks.posting import BODY, HEADERS, HERE, PATH, QUICK, STRICT, answer, posted, refused


async def silent(place, reader, writer):
    await reader.read()


async def dripping(place, reader, writer):
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000:
        writer.write(bytes([byte]))
        await writer.drain()
        with anyio.move_on_after(0.02):
            await reader.read()
            return


async def for_ever_continuing(place, reader, writer):
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        with anyio.move_on_after(0.02):
            await reader.read()
            return


@pytest.mark.parametrize("slow", [silent, dripping, for_ever_continuing, saying(b"HTTP/1.1 200 OK\r\nX")])
async def test_a_head_has_its_time(slow):
    async with listening(slow) as place:
        with anyio.fail_after(5):
            error = await refused(place, QUICK)
            await place.gone.wait()
    assert error.status is None
    assert "did not answer within 0.4 s" in str(error)


async def test_a_slow_body_does_not_undo_its_status():
    for status, kind in ((200, None), (500, Undelivered), (410, Gone)):
        head = f"HTTP/1.1 {status} X\r\nContent-Length: 50\r\n\r\nthe beginning".encode()
        async with listening(saying(head)) as place:
            with anyio.fail_after(5):
                if kind is None:
                    assert (await posted(place, QUICK)).excerpt == "the beginning"
                else:
                    error = await refused(place, QUICK)
                    assert (type(error), error.status, error.excerpt) == (kind, status, "the beginning")
                await place.gone.wait()  # nobody uses such a connection again


@pytest.mark.parametrize(
    "broken",
    [
        b"Content-Length: 50\r\n\r\ncut",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n",
        b"\r\ncut",
    ],
)
async def test_a_body_that_breaks_off_does_not_undo_its_status(broken):
    async def cut(place, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + broken)
        writer.write_eof()

    async with listening(cut) as place:
        receipt = await posted(place)
    assert (receipt.status, receipt.excerpt) == (200, "cut")


@pytest.mark.parametrize("head", [b"Content-Length: 10000000000\r\n\r\n", b"\r\n"])
async def test_little_is_read_of_ten_gigabytes(head):
    async def flood(place, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n" + head)
        while True:
            writer.write(b"x" * 65_536)
            place.written += 65_536
            await writer.drain()

    async with listening(flood) as place:
        tracemalloc.start()
        try:
            with anyio.fail_after(5):
                receipt = await posted(place)
                await place.gone.wait()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (receipt.status, receipt.excerpt) == (200, "x" * 1_000)
    assert place.written < 32 << 20  # what fits between two sockets
    assert peak < 8 << 20  # the server's side is counted, too


async def test_nothing_is_decompressed():
    bomb = gzip.compress(bytes(50 << 20), 1)
    async with listening(saying(answer(200, bomb, "Content-Encoding: gzip"))) as place:
        tracemalloc.start()
        try:
            async with Sender(HERE, context=STRICT) as sender:
                assert not sender._session.auto_decompress  # aiohttp would stop in time, too; nobody has to rely on it
                receipt = await sender.post(place.url(PATH), HEADERS, BODY)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (receipt.status, receipt.excerpt) == (200, "")
    assert peak < 8 << 20


async def abort(place, reader, writer):
    writer.write(b"HTTP/1.1 200 O")
    await writer.drain()
    writer.transport.abort()


async def leave(place, reader, writer):
    writer.close()


async def reset(place, reader, writer):
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@pytest.mark.parametrize("rude", [abort, leave, reset])
async def test_a_connection_that_ends_too_early_is_told(rude):
    async with listening(rude) as place:
        error = await refused(place)
    assert "closed the connection without an answer" in str(error)
    assert len(place.requests) == 1  # and it is not for this floor to try again


@pytest.mark.parametrize(
    "head",
    [
        b"canary\r\n\r\n",
        b"HTTP/1.1 canary canary\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncanary canary\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\ncanary\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\nX: canary" + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: canary\r\n" * 5_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00" * 20 + b"\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_told(head):
    async with listening(saying(head)) as place:
        error = await refused(place)
    assert error.status is None
    assert "not in HTTP" in str(error)


async def test_a_head_may_go_on_first():
    async with listening(
        saying(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)
    ) as place:
        assert (await posted(place)).status == 200


async def test_nobody_there_is_told():
    async with listening(saying(OK)) as place:
        pass
    error = await refused(place)
    assert "can not be reached" in str(error)
    assert (error.status, error.excerpt, error.retry_after_s) == (None, "", None)


class Asked:
    """An endpoint that is asked and says nothing, until the other side has left."""

    def __init__(self):
        self.asked = asyncio.Event()

    async def __call__(self, place, reader, writer):
        self.asked.set()
        await reader.read()


async def test_a_post_that_is_cancelled_leaves_nothing_behind():
    silence = Asked()
    with anyio.fail_after(5):
        async with listening(silence) as place, Sender(HERE, context=STRICT) as sender:
            async with anyio.create_task_group() as group:
                group.start_soon(sender.post, place.url(), HEADERS, BODY)
                await silence.asked.wait()
                group.cancel_scope.cancel()
            await place.gone.wait()
            assert (place.connections, len(place.requests)) == (1, 1)


async def test_closing_cuts_off_what_is_under_way():
    silence, told = Asked(), []

    async def post(sender, place):
        with pytest.raises(Undelivered) as caught:
            await sender.post(place.url(PATH), HEADERS, BODY)
        told.append(str(caught.value))

    with anyio.fail_after(5):
        async with listening(silence) as place, asyncio.TaskGroup() as group:
            async with Sender(HERE, context=STRICT) as sender:
                group.create_task(post(sender, place))
                await silence.asked.wait()
            await place.gone.wait()
    assert "canary" not in told[0]
