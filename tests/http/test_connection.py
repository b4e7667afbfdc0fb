"""What is no HTTP is refused in few words, none of which are the client's."""

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from kyanite.http.connection import Connection
from kyanite.http.daemon import serving
from tests.http.places import settings

SECRET = b"CaNaRyOfAMalformedLine"


@pytest.mark.parametrize(
    "lines",
    [
        b"GET / HTTP/1.1\r\nAuthorization : Bearer %s\r\n\r\n" % SECRET,
        b"GET / HTTP/1.1\r\nx-ms-quantum-api-key: %s\0\r\n\r\n" % SECRET,
        b"GET /c/c/b?sig=%s HTTP/1.1\r\n\r\n" % (SECRET * 1_000),
        b"BREW %s\r\n\r\n" % SECRET,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nBREW %s\r\n\r\n" % SECRET,
    ],
)
async def test_what_is_no_http_is_not_repeated(tmp_path, caplog, lines):
    with caplog.at_level(logging.DEBUG):
        async with serving(settings(tmp_path)) as running:
            host, _, port = running.address.removeprefix("http://").rpartition(":")
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(lines)
            told = await reader.read()
            writer.close()
    assert told.count(b" 400 Bad Request\r\n") == 1
    assert b"\r\nContent-Type: application/problem+json\r\n" in told
    assert b'"detail":"this is not HTTP, or a line of its head is too long","code":"BadRequest"}' in told
    assert SECRET not in told
    assert "it is not HTTP" in caplog.text
    assert SECRET.decode() not in caplog.text


async def test_a_client_that_is_gone_before_it_is_told_to_go_on_is_no_error(caplog):
    async def handle(request):
        raise AssertionError

    connection = Connection(web.Server(handle), loop=asyncio.get_running_loop())
    with caplog.at_level(logging.DEBUG):
        answer = connection.handle_error(make_mocked_request("PUT", "/"), 500, ConnectionResetError("closing"))
    assert answer.status == 400
    assert "connection lost" in caplog.text
    assert [record for record in caplog.records if record.exc_info or record.levelno > logging.DEBUG] == []


async def test_connections_end_with_the_daemon(tmp_path):
    async with serving(settings(tmp_path)) as running:
        host, _, port = running.address.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 OK" in await reader.readuntil(b"\r\n")
    rest = await reader.read()
    writer.close()
    assert rest.endswith(b"ok")
    with pytest.raises(OSError):
        await asyncio.open_connection(host, port)
