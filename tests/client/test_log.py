"""Following a daemon's log, and leaving it."""

from contextlib import asynccontextmanager

import anyio
import pytest

from kyanite import Began
from kyanite.client import log as client_log
from kyanite.client.log import Log
from kyanite.errors import StoreUnavailable
from kyanite.ports import Subscription
from tests.client.fake import QUICKLY, faked, gone, ready, refused, streamed, told

END = b'id: 9\nevent: End\ndata: {"position":9}\n\n'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(client_log, "AGAIN", QUICKLY)


def began(*positions):
    return [Began(job_id="x", attempt=1, version=position, position=position) for position in positions]


class Deliverer:
    """Notes where a subscription begins, and what its log says until it ends."""

    def __init__(self, log, shelf, clock, entropy):
        self.log = log

    async def serve(self, subscription, now):
        await subscription.subscriber(("begins", now), None)
        async for event in self.log.follow(now):
            await subscription.subscriber(event, None)


@asynccontextmanager
async def logged(**options):
    """A daemon, and its log."""
    async with faked(**options) as (daemon, opened), anyio.create_task_group() as group:
        yield daemon, opened, Log(opened, None, "team", group, Deliverer)
        group.cancel_scope.cancel()


async def test_up_to_the_end_or_on_and_on():
    async with logged() as (daemon, _, log):
        daemon.on("GET", "/v1/events", streamed(ready(4), *map(told, began(5, 6)), END, end="whole"))
        assert [event async for event in log.follow(4, forever=False)] == began(5, 6)
        assert daemon.seen[-1].query["follow"] == "false"
        daemon.on("GET", "/v1/events", streamed(ready(4), *map(told, began(5, 6)), end="open"))
        events = log.follow(4, forever=True)
        assert [await anext(events) for _ in range(2)] == began(5, 6)
        assert "follow" not in daemon.seen[-1].query
        await events.aclose()
        assert log._readers == 0


async def test_who_follows_hears_the_rest_when_it_is_closed():
    async with logged() as (daemon, _, log):
        daemon.on(
            "GET",
            "/v1/events",
            streamed(ready(4), *map(told, began(5)), end="open"),
            streamed(ready(5), *map(told, began(6, 7)), END, end="whole"),
        )
        heard, one = [], anyio.Event()

        async def follow():
            async for event in log.follow(4, forever=True):
                heard.append(event)
                one.set()

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await one.wait()
            await log.close()
        assert heard == began(5, 6, 7)
        assert [request.query.get("follow") for request in daemon.seen] == [None, "false"]
        assert daemon.seen[1].headers["Last-Event-ID"] == "5"


async def test_a_subscriber_begins_where_the_log_ended_when_it_came():
    said = []

    async def subscriber(event, details):
        said.append(event)

    async with logged() as (daemon, opened, log):
        daemon.on(
            "GET",
            "/v1/events",
            gone,
            streamed(ready(4), end="open"),
            streamed(ready(4), *map(told, began(5)), END, end="whole"),
        )
        log.listen(Subscription((Began,), subscriber, "", None))
        (begun,) = opened.beginning
        await begun.wait()
        assert opened.beginning == []
        await log.close()
        assert said == [("begins", 4), *began(5)]
        assert daemon.seen[-1].query["type"] == "Began"


async def test_a_daemon_that_does_not_say_where_holds_nobody_up():
    said = []

    async def subscriber(event, details):
        said.append(event)

    async with logged(patience_s=0.01) as (daemon, opened, log):
        full = refused(429, "QuotaExceeded", "The workspace has all that it may have: streams")
        end = streamed(ready(4), END, end="whole")
        daemon.on("GET", "/v1/events", full, full, full, end)
        log.listen(Subscription((Began,), subscriber, "", None))
        (begun,) = opened.beginning
        await begun.wait()
        await log.close()
        assert said == [("begins", 4)]


async def test_whatever_hinders_is_a_store_that_does_not_answer():
    caught = []

    class Wary(Deliverer):
        async def serve(self, subscription, now):
            for asking in (
                self.log.cursors(),
                self.log.get("team", "x"),
                self.log.events(0, 1, ("team", "x")),
                anext(self.log.follow(now)),
            ):
                with pytest.raises(StoreUnavailable) as told_so:
                    await asking
                caught.append(str(told_so.value))

    class NoJobs:
        async def fetch(self, job_id):
            raise StoreUnavailable("nothing")

        story = fetch

    async with faked() as (daemon, opened), anyio.create_task_group() as group:
        daemon.on(
            "GET", "/v1/events", streamed(ready(4), end="open"), refused(401, "Unauthorized", "the key was revoked")
        )
        daemon.on("GET", "/v1/cursors/a%20name", refused(401, "Unauthorized", "the key was revoked"))
        log = Log(opened, NoJobs(), "team", group, Wary)
        log.listen(Subscription((Began,), None, "", "a name"))
        await log.close()
        assert len(caught) == 4
        assert sum("revoked" in text for text in caught) == 2
        group.cancel_scope.cancel()
