"""A real daemon behind a line that breaks at any byte, either way."""

import random
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import SocketAttribute

from kyanite import Status, Submitted, Succeeded, Workspace
from kyanite.core.backoff import Backoff
from kyanite.ports import Manner
from kyanite.runtime import delivery, listening
from tests.faces.places import serving
from tests.runtime.places import in_memory, with_echo

LARGE = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(delivery, "RETRY", Backoff(first_s=0.0001, most_s=0.001))
    monkeypatch.setattr(listening, "IN_ORDER", Manner(delays_s=(0.001,) * 9))


@asynccontextmanager
async def breaking(address, rng):
    """Pass connections on to an address, each until so many bytes went through it; yields address and cuts."""
    host, _, port = address.partition("//")[2].rpartition(":")
    cuts = []

    async def pass_on(client):
        # Short lives, so that most requests meet a break; now and then one that lets a large transfer through.
        left = rng.randrange(200, 4_000) if rng.random() < 0.8 else 400_000

        async def one_way(source, sink):
            nonlocal left
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                while left > 0:
                    chunk = await source.receive(4_096)
                    await sink.send(chunk[:left])
                    left -= len(chunk)
                cuts.append(left)
            group.cancel_scope.cancel()

        daemon = await anyio.connect_tcp(host, int(port))
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(one_way, client, daemon)
                group.start_soon(one_way, daemon, client)
        finally:  # at once: what was not sent yet is lost, and nobody says goodbye
            client._transport.abort()
            daemon._transport.abort()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as lines:
        lines.start_soon(listener.serve, pass_on)
        yield "http://{}:{}".format(*listener.extra(SocketAttribute.local_address)), cuts
        lines.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(3))
async def test_everything_happens_once(seed, tmp_path):
    ground, followed, heard, ended = with_echo(in_memory()), [], [], []
    async with (
        ground,
        serving(ground) as address,
        breaking(address, random.Random(seed)) as (broken, cuts),
        Workspace.connect(broken) as workspace,
    ):

        @workspace.on(Submitted, Succeeded, name="billing")
        async def hear(event, details):
            heard.append(event.position)

        async def follow():
            async for event in workspace.events(follow=True):
                followed.append(event.position)
                if len(followed) == 80:  # at the least: a change whose answer was lost is made again
                    return

        async def run(number):
            job = await workspace.submit("acme.echo", LARGE if number % 5 == 0 else {"n": number}, name=f"job {number}")
            await job.wait(50)
            watched = [event.version async for event in job.updates()]
            await job.download(tmp_path / str(number))
            await job.amend(tags=["seen"])
            ended.append((job.details.status, watched, (tmp_path / str(number)).read_bytes() == LARGE))

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            for number in range(20):
                group.start_soon(run, number)
        log = [event async for event in ground.events()]
        names = sorted([job.details.name async for job in ground.list_jobs()])
    assert len(cuts) > 5
    assert names == sorted(f"job {number}" for number in range(20))
    assert sorted(ended, key=str) == sorted(
        [(Status.SUCCEEDED, [1, 2, 3], number % 5 == 0) for number in range(20)], key=str
    )
    assert followed == list(range(1, len(followed) + 1))
    wanted = [event.position for event in log if isinstance(event, Submitted | Succeeded)]
    assert list(dict.fromkeys(heard)) == wanted
