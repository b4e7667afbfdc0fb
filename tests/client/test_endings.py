"""One stream of final events for all who wait."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from kyanite import Cancelled, Succeeded
from kyanite.client.endings import Endings
from kyanite.errors import QuotaExceeded, Unreachable, WorkspaceClosed
from tests.client.fake import connection, fake, faked, ready, refused, silent, streamed, told


def succeeded(job_id, position):
    return told(Succeeded(job_id=job_id, position=position, output_data_uri="u", output_hash="h", output_size=1))


async def test_all_waiters_share_one_stream_over_its_breaks():
    async with faked() as (daemon, opened), anyio.create_task_group() as group:
        go = asyncio.Event()

        async def later(request):
            await go.wait()
            ended = [succeeded("a", 8), told(Cancelled(job_id="b", position=9)), succeeded("unknown", 10)]
            return await streamed(*ended)(request)

        rest = streamed(succeeded("b", 9), succeeded("c", 11), end="open")
        daemon.on("GET", "/v1/events", streamed(ready(7)), later, rest)
        endings = Endings(opened, group)
        ended = []

        async def wait(job_id, waiting):
            with endings.expected(job_id) as end:
                await endings.listening()
                waiting.set()
                await end
            ended.append(job_id)

        async with anyio.create_task_group() as waiters:
            for job_id in ("a", "a", "b", "c"):
                waiting = anyio.Event()
                waiters.start_soon(wait, job_id, waiting)
                await waiting.wait()
            go.set()
        assert sorted(ended) == ["a", "a", "b", "c"]
        assert not endings._waiters
        assert [request.headers.get("Last-Event-ID") for request in daemon.seen] == [None, "7", "10"]
        assert daemon.seen[0].query.getall("type") == ["Succeeded", "Failed", "Cancelled"]
        group.cancel_scope.cancel()


async def test_nobody_listens_before_somebody_waits():
    async with faked() as (daemon, opened), anyio.create_task_group() as group:
        endings = Endings(opened, group)
        with endings.expected("a"):
            assert daemon.seen == []


async def test_a_stream_that_fails_fails_those_who_wait_and_begins_anew():
    async with (
        fake() as daemon,
        connection(daemon.address, patience_s=0.05) as opened,
        anyio.create_task_group() as group,
    ):
        endings = Endings(opened, group)
        full = refused(429, "QuotaExceeded", "The workspace has all that it may have: streams")
        daemon.on("GET", "/v1/events", full)
        with endings.expected("a") as end, pytest.raises(QuotaExceeded):
            await endings.listening()
        assert end.done()
        daemon.on("GET", "/v1/events", streamed(ready(1)), refused(502, "BadGateway", "nobody there"))
        with endings.expected("a") as end:
            await endings.listening()
            with pytest.raises(Unreachable, match="nobody there"):
                await end
        daemon.on("GET", "/v1/events", streamed(ready(1), succeeded("a", 2), end="open"))
        with endings.expected("a") as end:
            await endings.listening()
            await end
        assert not endings._waiters
        group.cancel_scope.cancel()


async def test_a_waiter_that_gives_up_leaves_nothing_behind():
    async with faked() as (daemon, opened), anyio.create_task_group() as group:
        daemon.on("GET", "/v1/events", streamed(ready(1), end="open"))
        endings = Endings(opened, group)
        with pytest.raises(TimeoutError), anyio.fail_after(0.01), endings.expected("a") as end:
            await endings.listening()
            await end
        assert not endings._waiters
        group.cancel_scope.cancel()


@pytest.mark.parametrize("begun", [True, False])
async def test_closing_tells_those_who_wait(begun):
    async with faked() as (daemon, opened), anyio.create_task_group() as group:
        daemon.on("GET", "/v1/events", streamed(ready(1), end="open") if begun else silent)
        endings = Endings(opened, group)
        told_so = []

        async def wait():
            with endings.expected("a") as end:
                with pytest.raises(WorkspaceClosed):
                    await end
                told_so.append(True)

        async with anyio.create_task_group() as waiters:
            waiters.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            endings.close()
        assert told_so
        with pytest.raises(WorkspaceClosed):
            await endings.listening()
        group.cancel_scope.cancel()
