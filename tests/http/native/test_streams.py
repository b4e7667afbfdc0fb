"""Live events from a daemon that listens: what is told, to whom, from where on, and how it ends."""

import asyncio
import json
import socket
import struct
from contextlib import AsyncExitStack, contextmanager, suppress
from itertools import count

import aiohttp
import anyio
import pytest
from msgspec.structs import replace

from kyanite.config import QuotaSettings, ServerSettings
from kyanite.core.events import decode_event
from kyanite.http.daemon import serving
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from tests.http.native.live import PATIENCE_S, listening, read, streaming
from tests.http.places import settings
from tests.runtime.places import SETTINGS, executing, in_memory, with_echo

RESET = struct.pack("ii", 1, 0)


def offering(**options):
    """A workspace with a target that echoes, and one that makes progress until it is cancelled."""
    workspace = with_echo(in_memory(**options))

    @workspace.target("acme.busy")
    async def busy(task):
        for step in count():
            task.progress(0.5, step=step)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await task.wait_cancel_requested()
                    break

    return workspace


def with_server(quota=None, **server):
    settings = replace(SETTINGS, server=ServerSettings(**server))
    return settings if quota is None else replace(settings, quota=QuotaSettings(event_streams_max=quota))


async def until(condition):
    """Return once it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.001)


@contextmanager
def connection(address, path):
    """A client that asks, and does not read."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        client.connect((host, int(port)))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield client


def dechunked(content):
    """The body of an answer that came in whole chunks, and perhaps a part of one."""
    _, _, rest = content.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return body


async def echoed(workspace, **options):
    """A job that has ended."""
    return await (await workspace.submit("acme.echo", b"x", **options)).wait()


async def test_what_happens_is_told_as_the_log_has_it():
    async with offering() as workspace, listening(workspace) as address:
        await echoed(workspace)
        async with streaming(address) as stream:
            assert stream.response.headers["Content-Type"] == "text/event-stream"
            assert stream.response.headers["Cache-Control"] == "no-store"
            assert stream.content.startswith(b"retry: 1000\n\n")
            assert stream.frames == [{"id": "3", "event": "Ready", "data": {"position": 3}}]
            job = await echoed(workspace)
            await stream.until(lambda stream: stream.seen() == ["Submitted", "Began", "Succeeded"])
            told = [decode_event(json.dumps(frame["data"]), int(frame["id"])) for frame in stream.frames[1:]]
            assert told == [event async for event in workspace.events(after=3)]
            assert {event.job_id for event in told} == {job.id}


@pytest.mark.parametrize(
    ("query", "last", "begins_after"),
    [
        ("?after=0", None, 0),
        ("?after=4", None, 4),
        ("?after=4", 7, 7),
        ("", 2, 2),
        ("", None, 9),
        ("?after=9", None, 9),
        ("?after=900", None, 9),
        ("", 10**17, 9),
    ],
)
async def test_a_stream_goes_on_where_it_is_told_to(query, last, begins_after):
    async with offering() as workspace, listening(workspace) as address:
        for _ in range(3):
            await echoed(workspace)
        async with streaming(address, "/v1/events" + query, last) as stream:
            await echoed(workspace)
            await stream.until(lambda stream: stream.frames[-1]["id"] == "12")
            assert [int(frame["id"]) for frame in stream.frames] == list(range(begins_after, 13))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/events?after=-1", "after"),
        ("/v1/events?after=x", "after"),
        ("/v1/events?colour=red", "colour"),
        ("/v1/events?type=Submit", "type"),
        ("/v1/events?status=Ready", "status"),
        ("/v1/events?progress=maybe", "progress"),
        ("/v1/events?job=" + ",".join(map(str, range(101))), "job"),
        ("/v1/jobs/j/events?target=acme.echo", "target"),
        ("/v1/jobs/j/events?job=k", "job"),
    ],
)
async def test_what_can_not_be_asked_is_refused(path, field):
    async with offering() as workspace, listening(workspace) as address, aiohttp.ClientSession() as session:
        async with session.get(address + path) as response:
            problem = await response.json(content_type=None)
            assert response.status in {400, 422}, problem
            assert field in problem["detail"]
        async with session.get(address + "/v1/events", headers={"Last-Event-ID": "seven"}) as response:
            assert "Last-Event-ID" in (await response.json(content_type=None))["detail"]
        assert not workspace.host.engine.feed.readers("default")


LETTERS = {"Submitted": "S", "Began": "B", "Amended": "A", "Succeeded": "E", "CancelRequested": "C", "Cancelled": "X"}
FILTERS = {
    "": "SBAESBCX",
    "&type=Submitted": "SS",
    "&type=Submitted&type=Succeeded": "SES",
    "&type=Submitted,Cancelled": "SSX",
    "&status=Executing": "BB",
    "&status=Succeeded,Cancelled": "EX",
    "&status=Waiting&type=Began": "",
    "&target=acme.held": "SBAE",
    "&target=acme.held,acme.busy": "SBAESBCX",
    "&target=acme.none": "",
    "&tag=other": "SBCX",
    "&tag=mine": "SBAESBCX",
    "&tag=other&status=Waiting": "S",
    "&job=one": "SBAE",
    "&job=one&job=two": "SBAESBCX",
    "&job=two&type=Began": "B",
}


async def _two_jobs(workspace, gate):
    """One that is renamed while it executes, and one that is cancelled."""
    one = await workspace.submit("acme.held", b"x", job_id="one", tags=["mine"])
    await executing(one)
    await one.amend(name="renamed")
    gate.set()
    await one.wait()
    two = await workspace.submit("acme.busy", b"x", job_id="two", tags=["mine", "other"])
    await executing(two)
    await two.cancel()


async def test_filters():
    """The same live and from the log."""
    gate = asyncio.Event()
    async with offering() as workspace, listening(workspace) as address, AsyncExitStack() as stack:

        @workspace.target("acme.held")
        async def held(task):
            await gate.wait()
            return b"done"

        live = {}
        for query in FILTERS:
            path = f"/v1/events?progress=false{query}"
            live[query] = await stack.enter_async_context(streaming(address, path))
        await _two_jobs(workspace, gate)
        await until(lambda: not any(stretch.busy for stretch in workspace.host.engine.feed._stretches.values()))
        for query, letters in FILTERS.items():
            path = f"/v1/events?after=0&follow=false{query}"
            async with streaming(address, path) as stream:
                assert await stream.end() == [*told(letters), "End"], path
                assert stream.frames[-1]["data"] == {"position": 8}
        workspace.host.engine.feed.close()
        for query, stream in live.items():
            assert await stream.end() == told(FILTERS[query]), query


def told(letters):
    names = {letter: name for name, letter in LETTERS.items()}
    return [names[letter] for letter in letters]


async def test_labels_are_those_of_the_moment():
    gate = asyncio.Event()
    async with offering() as workspace, listening(workspace) as address:

        @workspace.target("acme.held")
        async def held(task):
            await gate.wait()
            return b"done"

        async with streaming(address, "/v1/events?tag=new&progress=false") as stream:
            job = await workspace.submit("acme.held", b"x", tags=["old"])
            await executing(job)
            await job.amend(tags=["new"])
            gate.set()
            await job.wait()
            await stream.until(lambda stream: stream.seen() == ["Amended", "Succeeded"])
        async with streaming(address, "/v1/events?tag=new&after=0&follow=false") as stream:
            assert await stream.end() == ["Submitted", "Began", "Amended", "Succeeded", "End"]


# One job ----------------------------------------------------------------------------------------------------------


async def test_a_jobs_stream_is_its_whole_story_and_ends_with_it():
    async with offering() as workspace, listening(workspace) as address:
        await echoed(workspace)
        job = await workspace.submit("acme.busy", b"x", job_id="busy")
        async with streaming(address, "/v1/jobs/busy/events") as stream:
            await stream.until(lambda stream: stream.seen().count("Progressed") >= 3)
            assert [name for name in stream.seen() if name != "Progressed"] == ["Submitted", "Began"]
            progress = [frame for frame in stream.frames if frame["event"] == "Progressed"]
            assert all("id" not in frame for frame in progress)
            steps = [frame["data"]["values"]["step"] for frame in progress]
            assert steps == sorted(set(steps))
            await echoed(workspace)
            await job.cancel()
            assert (await stream.end())[-2:] == ["CancelRequested", "Cancelled"]
        assert {frame["data"].get("job_id", "busy") for frame in stream.frames} == {"busy"}
        await job.amend(name="after its end")
        async with streaming(address, "/v1/jobs/busy/events") as stream:
            assert await stream.end() == ["Submitted", "Began", "CancelRequested", "Cancelled"]
        last = int(stream.frames[-1]["id"])
        async with streaming(address, f"/v1/jobs/busy/events?after={last}") as stream:
            assert await stream.end() == []
        async with streaming(address, "/v1/jobs/busy/events", last - 1) as stream:
            assert await stream.end() == ["Cancelled"]
        async with streaming(address, "/v1/jobs/busy/events?type=Began") as stream:
            assert await stream.end() == ["Began"]
        async with (
            aiohttp.ClientSession(address, headers={"Last-Event-ID": str(last)}) as session,
            session.get("/v1/jobs/busy/events") as response,
        ):
            assert (response.status, await response.read()) == (204, b"")


async def test_of_a_purged_job_its_story_and_of_an_unknown_one_nothing():
    async with offering() as workspace, listening(workspace) as address, aiohttp.ClientSession(address) as session:
        job = await echoed(workspace)
        assert await workspace.delete_job(job)
        async with streaming(address, f"/v1/jobs/{job.id}/events") as stream:
            assert await stream.end() == ["Submitted", "Began", "Succeeded"]
        async with session.get("/v1/jobs/unknown/events") as response:
            assert response.status == 404
            assert (await response.json(content_type=None))["code"] == "JobNotFound"


async def test_progress_is_left_out_where_it_is_not_wanted():
    async with offering() as workspace, listening(workspace) as address, AsyncExitStack() as stack:
        queries = ("", "?type=Progressed", "?target=acme.busy", "?progress=false", "?type=Began", "?status=Executing")
        streams_ = [await stack.enter_async_context(streaming(address, f"/v1/events{query}")) for query in queries]
        job = await workspace.submit("acme.busy", b"x")
        for stream in streams_[:3]:
            await stream.until(lambda stream: stream.seen().count("Progressed") >= 2)
        await job.cancel()
        await until(lambda: not any(stretch.busy for stretch in workspace.host.engine.feed._stretches.values()))
        workspace.host.engine.feed.close()
        for stream in streams_[:3]:
            names = await stream.end()
            assert names[-1] in {"Cancelled", "Progressed"}
            assert names.count("Progressed") >= 2
        assert [await stream.end() for stream in streams_[3:]] == [
            ["Submitted", "Began", "CancelRequested", "Cancelled"],
            ["Began"],
            ["Began"],
        ]


# Tenants and quotas -----------------------------------------------------------------------------------------------


async def test_nothing_is_told_of_another_workspace():
    async with offering() as first:
        second = await first.beside("second")
        async with listening(first, second) as address:
            other = {"Kyanite-Workspace": "second"}
            async with streaming(address) as mine, streaming(address, headers=other) as theirs:
                job = await first.submit("acme.busy", b"x", job_id="same")
                await executing(job)
                await mine.until(lambda stream: "Progressed" in stream.seen())
                await echoed(second, job_id="same")
                await theirs.until(lambda stream: stream.seen() == ["Submitted", "Began", "Succeeded"])
                assert {frame["data"]["workspace"] for frame in theirs.frames[1:]} == {"second"}
                await job.cancel()
            for path in (
                "/v1/events?after=0&follow=false",
                "/v1/jobs/same/events",
                "/v1/events?after=0&follow=false&job=same",
            ):
                async with streaming(address, path, headers=other) as stream:
                    names = [name for name in await stream.end() if name != "End"]
                    assert names == ["Submitted", "Began", "Succeeded"]
            async with streaming(address, "/v1/jobs/same/events") as stream:
                assert await stream.end() == ["Submitted", "Began", "CancelRequested", "Cancelled"]


async def test_streams_are_counted_until_their_client_goes():
    async with offering(settings=with_server(quota=2)) as workspace, listening(workspace) as address:
        async with aiohttp.ClientSession(address) as session, streaming(address), streaming(address) as second:
            async with session.get("/v1/events") as response:
                problem = await response.json(content_type=None)
                assert (response.status, problem["code"]) == (429, "QuotaExceeded")
                assert int(response.headers["Retry-After"]) > 0
            second.response.close()
            await until(lambda: workspace.host.engine.feed.readers("default") == 1)
            async with streaming(address):
                assert workspace.host.engine.feed.readers("default") == 2
        await until(lambda: workspace.host.engine.feed.readers("default") == 0)
        assert not workspace.host.engine.feed._stretches


# Slow clients, and the end ----------------------------------------------------------------------------------------


async def test_beats_keep_a_silent_stream_alive():
    async with (
        offering(settings=with_server(heartbeat_s=0.1)) as workspace,
        listening(workspace) as address,
        streaming(address) as stream,
    ):
        await stream.until(lambda stream: stream.content.count(b"\n:\n\n") >= 2)
        assert len(stream.frames) == 1


async def test_streams_end_at_once_when_the_daemon_does():
    """Those that are read, those that read up, and those whose client does not read."""
    async with offering() as workspace, AsyncExitStack() as stack:
        async with listening(workspace) as address:
            for number in range(300):
                await workspace.submit("acme.echo", b"x", metadata={"text": "x" * 60_000}, job_id=f"j{number}")
            streams_ = [await stack.enter_async_context(streaming(address)) for _ in range(5)]
            stalled = stack.enter_context(connection(address, "/v1/events?after=0"))
            await until(lambda: _stalled(workspace))
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 0.9, "it waited for its streams"
        for stream in streams_:
            await stream.end()
        stalled.close()


async def test_a_client_that_does_not_read_gets_all_in_the_end():
    async with offering() as workspace, listening(workspace) as address:
        with connection(address, "/v1/events?after=0&type=Submitted") as stalled:
            for number in range(300):
                await workspace.submit("acme.echo", b"x", metadata={"text": "x" * 60_000}, job_id=f"j{number}")
            await until(lambda: _stalled(workspace))
            (reader,) = next(iter(workspace.host.engine.feed._stretches.values())).readers
            assert reader._protocol.transport.get_write_buffer_size() < 256_000
            stalled.setblocking(False)
            content = b""
            async with asyncio.timeout(PATIENCE_S):
                while content.count(b"event: Submitted") < 300:
                    content += await asyncio.get_running_loop().sock_recv(stalled, 1 << 20)
        plain = dechunked(content)
        assert [frame["data"]["job_id"] for frame in read(plain)[1:]] == [f"j{number}" for number in range(300)]


async def test_a_client_that_breaks_off_leaves_nothing():
    async with offering() as workspace, listening(workspace) as address:
        tasks = len(asyncio.all_tasks())
        for number in range(20):
            with connection(address, "/v1/events?after=0" if number % 2 else "/v1/events") as client:
                await until(lambda: workspace.host.engine.feed.readers("default") == 1)
                if number % 3:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            await until(lambda: workspace.host.engine.feed.readers("default") == 0)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_an_old_client_is_told_without_chunks():
    async with offering() as workspace, listening(workspace) as address:
        job = await echoed(workspace)
        host, _, port = address.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /v1/jobs/{job.id}/events HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        assert b"chunked" not in head.lower()
        assert [frame["event"] for frame in read(body)] == ["Ready", "Submitted", "Began", "Succeeded"]


def _stalled(workspace):
    readers = [reader for stretch in workspace.host.engine.feed._stretches.values() for reader in stretch.readers]
    return any(reader._protocol.writing_paused for reader in readers)


async def test_a_stream_ends_soon_after_its_key_is_revoked(tmp_path):
    chosen = settings(tmp_path, keys_required=True, heartbeat_s=0.1)
    keys = Keys(tmp_path)
    key, text = keys.create(scope=Scope.READ)
    _, other = keys.create(scope=Scope.READ)
    async with serving(chosen) as running, aiohttp.ClientSession() as http:
        headers = ({"Authorization": f"Bearer {which}"} for which in (text, other))
        revoked, kept = [await http.get(f"{running.address}/v1/events", headers=each) for each in headers]
        keys.revoke(key.id)
        with anyio.fail_after(10):
            while await revoked.content.readany():
                pass  # beats, up to the end
        assert await kept.content.readany()
        kept.close()
