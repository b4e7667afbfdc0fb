"""Clients that are slow, silent, endless or many: each has its time, and costs the others nothing."""

import asyncio
import socket
import time
from contextlib import ExitStack
from random import Random

import aiohttp
import pytest

from kyanite.http.daemon import serving
from tests.http.places import WORKSPACE, settings
from tests.http.robustness.places import RESET, daemon, exchanged
from tests.http.robustness.requests import chunked, request

PATIENCE_S = 0.4
LATEST_S = 8.0
"""A connection that is not kept is closed by then: far from for ever, on a busy machine, too."""
LARGE_BYTES = 64 << 20
IDLE = 500
ABORTED = 60


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A daemon that waits as long as daemons do."""
    with daemon(tmp_path_factory.mktemp("patient")) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """One that does not wait."""
    with daemon(tmp_path_factory.mktemp("hasty"), request_patience_s=PATIENCE_S) as running:
        yield running


async def closed(host, port, begun, drip=b""):
    """Begin a request, go on by single bytes, and return what is answered before the connection ends."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(begun)
    received = b""
    async with asyncio.timeout(LATEST_S):
        while not reader.at_eof():
            writer.write(drip)
            try:
                async with asyncio.timeout(PATIENCE_S / 8):
                    received += await reader.read(1024)
            except TimeoutError:
                continue
            except ConnectionError:
                break
    writer.close()
    return received


def begun(method, target, *lines):
    """The bytes of a request that promises more than will come."""
    return request(method, target, b"", *lines, b"Content-Length: 100000").replace(b"Content-Length: 0\r\n", b"")


async def test_a_head_that_never_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("kyanite.http.daemon.KEEP_ALIVE_S", PATIENCE_S)
    async with serving(settings(tmp_path)) as running:
        host, _, port = running.address.removeprefix("http://").rpartition(":")
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: "
        assert await closed(host, port, head, drip=b"y") == b""
        assert await closed(host, port, b"") == b""
        told = await closed(host, port, request(b"GET", b"/healthz") + head, drip=b"y")
        assert told.count(b" 200 OK") == 1


@pytest.mark.parametrize("drip", [b"", b" "], ids=["silent", "slow"])
def test_a_body_that_never_comes(hasty, drip):
    fresh = hasty.link("c", "b").encode()
    tasks = hasty.tasks()
    begins = (
        begun(b"PUT", f"{WORKSPACE}/jobs/j".encode()),
        begun(b"PUT", fresh, b"x-ms-blob-type: BlockBlob"),
        begun(b"PUT", fresh + b"&comp=block&blockid=MDAwMQ=="),
        begun(b"PUT", fresh + b"&comp=blocklist"),
    )

    async def everybody():
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(closed(hasty.host, hasty.port, begin, drip)) for begin in begins]
        return [call.result() for call in calls]

    told = asyncio.run(everybody())
    assert all(b" 408 " in answer for answer in told), told
    assert not hasty.staged()
    assert hasty.ask(hasty.link("c", "b"))[0] == 404
    hasty.check_at_rest(hasty.descriptors(), tasks)


def test_an_upload_that_is_slow_but_comes_is_taken(hasty):
    """Its pauses are shorter than the patience, and together longer."""

    async def slowly(hasty, content):
        async def pieces():
            for at in range(0, len(content), 1024):
                yield content[at : at + 1024]
                await asyncio.sleep(PATIENCE_S / 10)

        async with aiohttp.ClientSession(hasty.address) as client:
            link, headers = hasty.link("slow", "b"), {"x-ms-blob-type": "BlockBlob"}
            async with client.put(link, data=pieces(), headers=headers) as answer:
                return answer.status

    assert asyncio.run(slowly(hasty, bytes(16 * 1024))) == 201


def test_a_body_without_end_is_ended(patient):
    before, tasks, resident = patient.descriptors(), patient.tasks(), patient.resident_bytes()
    head = request(b"PUT", f"{WORKSPACE}/jobs/j".encode(), b"", b"Transfer-Encoding: chunked")
    endless = head + chunked(bytes(1 << 20))[: -len(b"0\r\n\r\n")] * 64
    told = asyncio.run(exchanged(patient.host, patient.port, endless, wait_s=LATEST_S, pieces=64))
    assert b" 413 " in told
    patient.check_at_rest(before, tasks)
    assert patient.resident_bytes() - resident < 32 << 20


def test_connections_that_say_nothing_cost_little(patient):
    before, tasks, resident = patient.descriptors(), patient.tasks(), patient.resident_bytes()
    with ExitStack() as stack:
        for number in range(IDLE):
            connection = stack.enter_context(socket.create_connection((patient.host, patient.port)))
            connection.sendall(b"" if number % 2 else b"GET /healthz HTTP/1.1\r\nHost: loc")
        patient.until(lambda: patient.descriptors() > IDLE, "not all are connected")
        begun_s = time.monotonic()
        assert patient.ask()[0] == 200
        assert time.monotonic() - begun_s < 1.0
        assert (patient.resident_bytes() - resident) / IDLE < 64 << 10
    patient.check_at_rest(before, tasks)


def test_a_download_that_nobody_reads_is_not_held_in_memory_nor_for_ever(hasty):
    link = hasty.link("c", "large")
    assert hasty.ask(link, "PUT", bytes(LARGE_BYTES), x_ms_blob_type="BlockBlob")[0] == 201
    before, tasks, resident = hasty.descriptors(), hasty.tasks(), hasty.resident_bytes()
    with socket.create_connection((hasty.host, hasty.port)) as client:
        client.sendall(request(b"GET", link.encode()))
        assert client.recv(16, socket.MSG_PEEK).startswith(b"HTTP/1.1 200")
        hasty.until(lambda: hasty.tasks() <= tasks and hasty.descriptors() <= before, "it waits for ever")
    assert hasty.resident_bytes() - resident < LARGE_BYTES // 4
    hasty.check_at_rest(before, tasks)


def test_uploads_that_break_off_leave_nothing(patient):
    random = Random("broken uploads")
    head = (b"x-ms-blob-type: BlockBlob",)
    fresh = patient.link("c", "b").encode()
    content = random.randbytes(300_000)
    whole = (
        request(b"PUT", fresh, content, *head),
        request(b"PUT", fresh, chunked(content[:99_999], content[99_999:]), *head, b"Transfer-Encoding: chunked"),
        request(b"PUT", fresh + b"&comp=block&blockid=MDAwMQ==", content),
    )
    asyncio.run(exchanged(patient.host, patient.port, whole[0][:-1], wait_s=0.1))
    before, tasks = patient.descriptors(), patient.tasks()
    for number in range(ABORTED):
        sent = random.choice(whole)
        with socket.create_connection((patient.host, patient.port)) as client:
            client.sendall(sent[: random.randrange(len(sent))])
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    patient.check_at_rest(before, tasks)
    assert patient.ask(fresh.decode())[0] == 404
    assert not patient.staged()
    assert not list(patient.folder.glob("data/blobs/tmp/*"))
    status, told = patient.ask(patient.link("c") + "&restype=container&comp=list")
    assert (status, b"<Blobs></Blobs>" in told) == (200, True)
    assert patient.ask(fresh.decode(), "PUT", content, x_ms_blob_type="BlockBlob")[0] == 201
    assert patient.ask(fresh.decode()) == (200, content)
