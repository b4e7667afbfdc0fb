"""Requests: what they carry, how they are repeated, and what becomes of their answers."""

import asyncio

import anyio
import anyio.lowlevel
import pytest
from aiohttp import web

from kyanite.client import connection as connections
from kyanite.client.connection import path
from kyanite.client.retries import Lost
from kyanite.client.uploads import Upload, json_body
from kyanite.errors import (
    AccessDenied,
    InfrastructureError,
    InvalidRequest,
    JobNotFound,
    QueueFull,
    StoreUnavailable,
    Unreachable,
    WorkspaceClosed,
)
from tests.client.fake import connection, fake, faked, gone, json, problem, raw, refused, silent, streamed


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("jobs", "a/b", "input"), "/v1/jobs/a%2Fb/input"),
        (("jobs", ".."), "/v1/jobs/%2E%2E"),
        (("blobs", "c", "a b☃?#%"), "/v1/blobs/c/a%20b%E2%98%83%3F%23%25"),
    ],
)
def test_a_part_of_a_path_is_one_whatever_stands_in_it(parts, expected):
    assert path(*parts) == expected


@pytest.mark.parametrize("part", ["", None, 3, "\ud800"])
def test_what_is_no_part_is_refused(part):
    with pytest.raises(ValueError, match=r"part|surrogates"):
        path("jobs", part)


async def test_each_request_says_who_asks_for_what():
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with faked(api_key="kya_1_2", workspace="team", trace=lambda: trace) as (daemon, opened):
        daemon.on("GET", "/v1/a%2Fb", json([1]))
        answer = await opened.ask("GET", path("a/b"), [("q", "x y&=☃")])
        assert (answer.status, answer.body) == (200, b"[1]")
        (request,) = daemon.seen
        assert request.headers["Authorization"] == "Bearer kya_1_2"
        assert request.headers["Kyanite-Workspace"] == "team"
        assert request.headers["traceparent"] == trace
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.query["q"] == "x y&=☃"
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1", json({}))
        await opened.ask("GET", "/v1")
        assert not {"Authorization", "Kyanite-Workspace", "traceparent"} & set(daemon.seen[0].headers)


async def test_a_body_arrives_as_it_is(tmp_path):
    (tmp_path / "file").write_bytes(b"f" * 300_000)

    async def stream():
        yield b"s" * 100_000
        yield b"t"

    received = []

    async def take(request):
        received.append((await request.read(), request.headers["Content-Type"], request.headers.get("Content-Length")))
        return web.Response()

    async with fake() as daemon, connection(daemon.address) as opened:
        daemon.on("PUT", "/v1/x", take)
        for content in (b"", b"b" * 2_000_000, tmp_path / "file", stream()):
            await opened.ask("PUT", "/v1/x", body=Upload(content, "image/png"))
        await opened.ask("PUT", "/v1/x", body=json_body({"a": 1}))
    sizes = [(len(body), kind, length) for body, kind, length in received]
    assert sizes == [
        (0, "image/png", "0"),
        (2_000_000, "image/png", "2000000"),
        (300_000, "image/png", "300000"),
        (100_001, "image/png", None),
        (7, "application/json", "7"),
    ]


async def test_lost_connections_and_unavailable_daemons_are_asked_again():
    async with faked() as (daemon, opened):
        unavailable = refused(503, "ServiceUnavailable", "about to end", Retry_After="0")
        daemon.on("POST", "/v1/jobs", gone, unavailable, raw(b"<html>", 502), raw(b"", 504), json({"id": "x"}, 201))
        answer = await opened.ask("POST", "/v1/jobs", body=json_body({"job_id": "x"}))
        assert answer.status == 201
        assert len(daemon.seen) == 5


async def test_a_daemon_that_restarts_is_waited_for():
    async with faked(patience_s=30) as (daemon, opened):
        daemon.on("GET", "/v1", json({}))
        await opened.ask("GET", "/v1")
        await daemon.stop()
        async with anyio.create_task_group() as group:
            group.start_soon(opened.ask, "GET", "/v1")
            await anyio.lowlevel.checkpoint()
            await daemon.start()
        assert len(daemon.seen) == 2


async def test_patience_ends():
    async with fake() as daemon, connection(daemon.address, patience_s=0.05) as opened:
        daemon.on("GET", "/v1", gone)
        with pytest.raises(Unreachable, match=daemon.address):
            await opened.ask("GET", "/v1")
        assert len(daemon.seen) > 1
        daemon.on("GET", "/v1", raw(b"<html>", 503))
        with pytest.raises(Unreachable, match="503"):
            await opened.ask("GET", "/v1")
        daemon.on("GET", "/v1", refused(503, "ServiceUnavailable", "about to end"))
        with pytest.raises(Unreachable, match="about to end"):
            await opened.ask("GET", "/v1")
        store = StoreUnavailable("not today")
        daemon.on("GET", "/v1", refused(503, "StoreUnavailable", str(store)))
        with pytest.raises(StoreUnavailable, match="not today"):
            await opened.ask("GET", "/v1")
        daemon.seen.clear()
        daemon.on("GET", "/v1", refused(503, "ServiceUnavailable", "come tomorrow", Retry_After="86400"))
        with pytest.raises(Unreachable, match="tomorrow"):
            await opened.ask("GET", "/v1")
        assert len(daemon.seen) == 1
        await daemon.stop()
        with pytest.raises(Unreachable, match=daemon.address):
            await opened.ask("GET", "/v1")


async def test_a_daemon_that_is_silent_is_asked_again():
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1", silent, json({}))
        assert (await opened.ask("GET", "/v1", answer_s=0.05)).status == 200


async def test_what_is_refused_is_raised_at_once():
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1/jobs/x", refused(404, "JobNotFound", "No such job: x"))
        with pytest.raises(JobNotFound, match=r"^No such job: x$"):
            await opened.ask("GET", "/v1/jobs/x")
        daemon.on("POST", "/v1/jobs", refused(429, "QueueFull", "Too many jobs are waiting", Retry_After="5"))
        with pytest.raises(QueueFull):
            await opened.ask("POST", "/v1/jobs")
        daemon.on("GET", "/v1", refused(401, "Unauthorized", "this key is not known"))
        with pytest.raises(AccessDenied, match="not known"):
            await opened.ask("GET", "/v1")
        assert len(daemon.seen) == 3


async def test_what_a_repetition_finds_done_was_done_before():
    async with faked() as (daemon, opened):
        missing = refused(404, "JobNotFound", "No such job: x")
        daemon.on("DELETE", "/v1/jobs/x", gone, missing)
        assert (await opened.ask("DELETE", "/v1/jobs/x", done=JobNotFound)).status == 204
        daemon.on("DELETE", "/v1/jobs/x", missing)
        with pytest.raises(JobNotFound):
            await opened.ask("DELETE", "/v1/jobs/x", done=JobNotFound)
        daemon.on("DELETE", "/v1/jobs/x", gone, missing)
        with pytest.raises(JobNotFound):
            await opened.ask("DELETE", "/v1/jobs/x")


async def test_what_answers_and_is_no_daemon_is_not_followed():
    async with faked(api_key="secret") as (daemon, opened):
        daemon.on("GET", "/v1", raw(b"", 302, Location=f"{daemon.address}/elsewhere"))
        with pytest.raises(InfrastructureError, match="302"):
            await opened.ask("GET", "/v1")
        assert [request.path for request in daemon.seen] == ["/v1"]


async def cut_off(request):
    await request.content.readany()
    request.transport.abort()
    return web.Response()


async def test_a_stream_that_was_read_is_not_sent_again():
    async def stream():
        for _ in range(100):
            yield b"x" * 1_000

    async with faked() as (daemon, opened):
        daemon.on("PUT", "/v1/x", cut_off)
        with pytest.raises(Unreachable, match="can not be sent again"):
            await opened.ask("PUT", "/v1/x", body=Upload(stream(), "text/plain"))
        assert len(daemon.seen) == 1
        daemon.on("PUT", "/v1/x", cut_off, cut_off, raw(b"ok"))
        assert (await opened.ask("PUT", "/v1/x", body=Upload(b"x" * 100_000, "text/plain"))).body == b"ok"
        await daemon.stop()
        async with anyio.create_task_group() as group:
            # Nothing of it was read yet.
            group.start_soon(opened.ask, "PUT", "/v1/x", (), Upload(stream(), "text/plain"))
            await anyio.lowlevel.checkpoint()
            await daemon.start()


async def test_what_a_stream_raises_comes_out_as_it_is():
    async def stream():
        yield b"x"
        raise ZeroDivisionError

    async with faked() as (daemon, opened):
        daemon.on("PUT", "/v1/x", raw(b""))
        with pytest.raises(ZeroDivisionError):
            await opened.ask("PUT", "/v1/x", body=Upload(stream(), "text/plain"))


async def test_an_upload_that_is_refused_half_way_is_told_why():
    async def too_long(request):
        await request.content.readany()
        return problem(413, "InvalidRequest", "The request is not valid: input is too long", field="input")

    async with faked() as (daemon, opened):
        daemon.on("PUT", "/v1/x", too_long)
        with pytest.raises(InvalidRequest, match="too long") as told:
            await opened.ask("PUT", "/v1/x", body=Upload(bytes(8_000_000), "text/plain"))
        assert told.value.field == "input"


async def test_changes_wait_for_subscribers_that_begin():
    async with faked() as (daemon, opened):
        for method in ("GET", "POST"):
            daemon.on(method, "/v1/x", json({}))
        begun = anyio.Event()
        opened.beginning.append(begun)
        async with anyio.create_task_group() as group:
            group.start_soon(opened.ask, "POST", "/v1/x")
            await opened.ask("GET", "/v1/x")
            assert [request.method for request in daemon.seen] == ["GET"]
            begun.set()
        assert [request.method for request in daemon.seen] == ["GET", "POST"]


async def test_a_closed_connection_says_so():
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1", silent)
        async with anyio.create_task_group() as group:

            async def ask():
                with pytest.raises(WorkspaceClosed):
                    await opened.ask("GET", "/v1")

            group.start_soon(ask)
            await daemon.asked.wait()
            opened.close()
            await opened._session.close()
        with pytest.raises(WorkspaceClosed):
            await opened.ask("GET", "/v1")


async def test_requests_are_bounded(monkeypatch):
    monkeypatch.setattr(connections, "REQUESTS_MAX", 3)
    now = most = 0

    async def counting(request):
        nonlocal now, most
        now += 1
        most = max(now, most)
        await asyncio.sleep(0.001)
        now -= 1
        return web.Response()

    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1", counting)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(opened.ask, "GET", "/v1")
    assert len(daemon.seen) == 20
    assert most == 3


async def test_a_stream_comes_in_chunks_and_breaks_as_lost():
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1/x", streamed(b"a", b"b", end="whole"))
        async with opened.stream("/v1/x", headers={"Last-Event-ID": "5"}) as answer:
            assert b"".join([chunk async for chunk in answer.chunks]) == b"ab"
        assert daemon.seen[0].headers["Last-Event-ID"] == "5"
        daemon.on("GET", "/v1/x", streamed(b"a", end="cut"))
        with pytest.raises(Lost):
            async with opened.stream("/v1/x") as answer:
                async for _ in answer.chunks:
                    pass
        daemon.on("GET", "/v1/x", refused(404, "JobNotFound", "No such job: x"))
        with pytest.raises(JobNotFound):
            async with opened.stream("/v1/x"):
                pass
        daemon.on("GET", "/v1/x", gone)
        with pytest.raises(Lost):
            async with opened.stream("/v1/x"):
                pass
