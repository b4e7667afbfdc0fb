"""What happens to every request, whatever edge it is for."""

import asyncio
import json
import logging
import socket
from io import BytesIO

import anyio
from aiohttp import web

from kyanite.http.access import OPEN
from kyanite.http.application import BODY_BYTES_MAX, answered, application
from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from tests.http.places import WORKSPACE, client_in, client_of, service_in, settings

SECRET = "sig=1234567890"


def app_of(handler, **options):
    """An application of one handler, without keys."""
    app = web.Application(middlewares=[answered], client_max_size=BODY_BYTES_MAX)
    app.router.add_route("*", "/", handler)
    return app


async def test_unknown_paths_and_methods(tmp_path):
    async with client_in(tmp_path) as client:
        async with client.get("/nothing") as answer:
            assert (answer.status, answer.content_type) == (404, "application/json")
            assert (await answer.json())["error"]["code"] == "NotFound"
        async with client.delete("/healthz") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
            assert (await answer.json())["error"]["code"] == "MethodNotAllowed"


async def test_each_answer_has_an_id_and_says_little_of_the_server(tmp_path):
    async with client_in(tmp_path) as client:
        ids = set()
        for path in ("/healthz", "/nothing", f"{WORKSPACE}/jobs", "/a/a?restype=container"):
            async with client.get(path) as answer:
                ids.add(answer.headers["x-ms-request-id"])
                assert answer.headers["Server"] == "Kyanite"
                assert "Date" in answer.headers
        assert len(ids) == 4


async def test_what_goes_wrong_inside_is_logged_and_not_told(caplog):
    async def broken(request):
        raise ZeroDivisionError("in the innermost")

    async with client_of(app_of(broken)) as client, client.get(f"/?{SECRET}") as answer:
        body = await answer.text()
    assert answer.status == 500
    assert json.loads(body)["error"]["code"] == "InternalServerError"
    assert "innermost" not in body
    assert "innermost" in caplog.text
    assert SECRET not in caplog.text


async def test_requests_are_logged_without_their_query(caplog):
    caplog.set_level(logging.DEBUG, "kyanite")

    async def fine(request):
        return web.Response()

    async with client_of(app_of(fine)) as client:
        await client.get(f"/?{SECRET}", headers={"Authorization": "Bearer abcdefgh"})
    assert "'status': 200" in caplog.text
    assert SECRET not in caplog.text
    assert "abcdefgh" not in caplog.text


async def test_a_query_that_became_part_of_the_path_is_no_more_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "kyanite")
    async with client_in(tmp_path) as client:
        for path in (f"/c/c/bsv=1&{SECRET}", f"/c/c/b%3F{SECRET}", f"/c/c/b%3fsv%3D1%26{SECRET.replace('=', '%3D')}"):
            async with client.get(path) as answer:
                assert answer.status == 403
    assert caplog.text.count("'path': '/c/c/b") == 3
    assert "1234567890" not in caplog.text


async def test_long_bodies_are_refused():
    async def reads(request):
        return web.Response(text=str(len(await request.read())))

    async with client_of(app_of(reads)) as client:
        async with client.put("/", data=BytesIO(b" " * BODY_BYTES_MAX)) as answer:
            assert (answer.status, await answer.text()) == (200, str(BODY_BYTES_MAX))
        async with client.put("/", data=BytesIO(b" " * (BODY_BYTES_MAX + 1))) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (413, "RequestBodyTooLarge")


async def test_what_is_not_http_is_refused_in_few_words(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "kyanite")
    head = b"PUT /a/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    bad_header = f"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization : {SECRET}\r\n\r\n".encode()
    async with serving(settings(tmp_path)) as running:
        port = int(running.address.rpartition(":")[2])
        for body in (b"zz\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n", b"-1\r\n\r\n"):
            assert b" 400 Bad Request" in await raw(port, head + body), body
        for request in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bad_header):
            assert b" 400 Bad Request" in await raw(port, request), request
        assert b" 200 OK" in await raw(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert "it is not HTTP" in caplog.text
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text


async def raw(port, request):
    """Send bytes and return the first that come back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read(4096)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_client_that_goes_away_is_nobodys_error(caplog):
    caplog.set_level(logging.WARNING)
    gone, ended = asyncio.Event(), asyncio.Event()

    async def slow(request):
        try:
            await request.read()
            await gone.wait()
            return web.Response(body=b" " * (1 << 22))
        finally:
            ended.set()

    async with client_of(app_of(slow)) as client:
        for request in (
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            ended.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.write(request)
            await writer.drain()
            writer.close()
            gone.set()
            with anyio.fail_after(10):
                await ended.wait()
    assert caplog.text == ""


async def test_only_health_and_signed_links_ask_for_no_key(tmp_path):
    async with service_in(tmp_path) as service:
        paths = {resource.canonical for resource in application(service, Keys(tmp_path))[OPEN]}
    pages = {"/v1/openapi.json", "/v1/docs"}  # say what any daemon of this release does
    links = {"/{container}/{same}", "/{container}/{same}/{blob}", "/v1/callbacks/{token}"}
    assert paths == {"/healthz", "/readyz", *pages, *links}
