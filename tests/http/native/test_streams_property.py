"""Readers of live events come, go, stall and come back, at random: each sees every event it asked for, once, in order.

The commits, their announcements and the clients' sockets are the test's own; in between is what the daemon runs.
"""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyanite.core.events import Succeeded
from kyanite.http.native import filters, streams
from kyanite.http.native.parameters import EventFilters, LogFilters
from kyanite.runtime import backlog, feed
from tests.http.native.live import Socket, read
from tests.runtime.live import LiveLog, began, born, renamed, succeeded

PATIENCE_S = 20.0
JOBS = {
    (workspace, f"j{number}"): (f"acme.t{number % 2}", (f"tag{number % 3}",))
    for workspace in "ab"
    for number in range(4)
}
STATUSES = {"Submitted": "Waiting", "Began": "Executing", "Succeeded": "Succeeded"}


class Client:
    """Connects, leaves, and connects again behind what it has seen last."""

    def __init__(self, log, workspace, asked, start, job_id=""):
        self.workspace, self.asked, self.job_id = workspace, asked, job_id
        self.start = min({"first": 0, "present": log.feed.present}.get(start, start), len(log.committed))
        self.seen = []
        self.last = self.start
        self.ended = False
        self._log = log
        self.connect()

    def connect(self):
        self.socket = Socket()
        self.stream = streams.Stream(self._log.feed, self.workspace, filters.wanted(self.asked), self.last, self.job_id)
        self.stream.over = any(
            self._ends_with(event) and event.position <= self.last for event, _ in self._log.committed
        )
        self._task = asyncio.get_running_loop().create_task(self.stream.run(self.socket.request, self.socket.response))

    async def leave(self):
        """Close the connection, and note what came over it."""
        ended = self._task.done()
        self.socket.lose()
        self.stream.news()
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                await self._task
        frames = read(self.socket.taken)
        assert frames[:1] in ([], [{"id": str(self.last), "event": "Ready", "data": {"position": self.last}}])
        for frame in frames[1:]:
            assert int(frame["id"]) == frame["data"]["position"]
            self.seen.append((int(frame["id"]), frame["event"], frame["data"]["job_id"]))
            self.last = int(frame["id"])
        self.ended = self.ended or ended

    def at_end(self):
        """Whether it has nothing more to come."""
        if self._task.done():
            return True
        stream = self.stream
        return stream._asleep is not None and not stream._stretch.busy and stream._stretch.since(stream.position) == []

    def expected(self, committed):
        """What it has to have seen, worked out the plain way."""
        found = []
        for event, details in committed:
            if self.wants(event, details):
                found.append((event.position, type(event).__name__, event.job_id))
            if self._ends_with(event):
                break
        return found

    def _ends_with(self, event):
        return (event.workspace, event.job_id) == (self.workspace, self.job_id) and isinstance(event, Succeeded)

    def wants(self, event, details):
        """What it has to see, worked out the plain way."""
        asked, kind = self.asked, type(event).__name__
        return (
            event.position > self.start
            and event.workspace == self.workspace
            and (not self.job_id or event.job_id == self.job_id)
            and (not asked.type or kind in asked.type)
            and (self.job_id or not asked.status or STATUSES.get(kind) in asked.status)
            and (self.job_id or not asked.job or event.job_id in asked.job)
            and (self.job_id or not asked.target or details.target in asked.target)
            and (self.job_id or not asked.tag or set(details.tags) & set(asked.tag))
        )


def filters_of(draw_from):
    """Filters over few values, so that most let something through."""
    types = st.lists(st.sampled_from(["Submitted", "Began", "Amended", "Succeeded"]), max_size=3).map(tuple)
    few = lambda *values: st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2).map(tuple))
    if draw_from == "job":
        return st.builds(EventFilters, type=types)
    return st.builds(
        LogFilters,
        type=st.one_of(st.just(()), types),
        status=few("Waiting", "Executing", "Succeeded"),
        job=few("j0", "j1", "j2"),
        target=few("acme.t0", "acme.t1"),
        tag=few("tag0", "tag1"),
    )


START = st.one_of(st.sampled_from(["first", "present"]), st.integers(0, 12))
STEPS = st.one_of(
    st.tuples(st.just("record"), st.sampled_from(sorted(JOBS)), st.integers(1, 3)),
    st.tuples(st.just("record"), st.sampled_from(sorted(JOBS)), st.integers(1, 3)),
    st.tuples(st.just("hold_back"), st.sampled_from(sorted(JOBS)), st.integers(1, 3)),
    st.tuples(st.just("announce_late")),
    st.tuples(st.just("read_log"), st.sampled_from("ab"), filters_of("log"), START),
    st.tuples(st.just("read_job"), st.sampled_from(sorted(JOBS)), filters_of("job"), START),
    st.tuples(st.just("leave"), st.integers(0, 5)),
    st.tuples(st.just("stall"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(0, 5), st.integers(1, 500)),
    st.tuples(st.just("go_on"), st.integers(0, 5)),
    st.tuples(st.just("turns"), st.integers(1, 20)),
)


def next_events(log, address):
    """What can be recorded of a job next, without end."""
    row = log.row(*address)
    if row is None:
        target, tags = JOBS[address]
        yield born(*address, target=target, tags=tags)
        yield began()
    elif not row.driving and not row.final:
        yield began()
    yield renamed("x" * 40)
    yield succeeded()
    while True:
        yield renamed("after the end")


class Play:
    """A log, and the clients that read it."""

    def __init__(self):
        self.log = LiveLog()
        self.clients = []
        self._held = []

    async def play(self, steps):
        """Do what the steps say; then let everybody take what there is, and leave."""
        for what, *rest in steps:
            await getattr(self, what)(*rest)
        await self.announce_late()
        for client in self.clients:
            client.socket.go_on()
        async with asyncio.timeout(PATIENCE_S):
            while not all(client.at_end() for client in self.clients):  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0)
        for client in self.clients:
            await client.leave()

    async def record(self, address, count):
        change = await self._committed(address, count)
        if change:
            self.log.announce(change)

    async def hold_back(self, address, count):
        change = await self._committed(address, count)
        if change:
            self._held.append(change)

    async def _committed(self, address, count):
        row = self.log.row(*address)
        if row is None or not row.final:
            events = next_events(self.log, address)
            return await self.log.commit(*address, *(next(events) for _ in range(count)))
        return None

    async def announce_late(self):
        while self._held:
            self.log.announce(self._held.pop())

    async def read_log(self, workspace, asked, start):
        self.clients.append(Client(self.log, workspace, asked, start))

    async def read_job(self, address, asked, start):
        self.clients.append(Client(self.log, address[0], asked, start, address[1]))

    async def turns(self, count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def leave(self, number):
        for client in self._chosen(number):
            await client.leave()
            client.connect()

    async def stall(self, number):
        for client in self._chosen(number):
            client.socket.stall()

    async def take(self, number, size):
        for client in self._chosen(number):
            client.socket.flush(size)

    async def go_on(self, number):
        for client in self._chosen(number):
            client.socket.go_on()

    def _chosen(self, number):
        return self.clients[number % len(self.clients) :][:1] if self.clients else ()


async def _played(steps):
    play = Play()
    await play.play(steps)
    return play


@pytest.fixture
def _small(monkeypatch):
    """Bounds so small that a few events go past them."""
    monkeypatch.setattr(feed, "WORKSPACE_LENGTH_MAX", 4)
    monkeypatch.setattr(feed, "JOB_LENGTH_MAX", 2)
    monkeypatch.setattr(backlog, "PAGE", 4)
    monkeypatch.setattr(backlog, "PAGES_KEPT", 2)
    monkeypatch.setattr(backlog, "STORY_PAGE", 3)
    monkeypatch.setattr(streams, "TURN_BYTES", 300)
    monkeypatch.setattr(streams, "UNSENT_BYTES_MAX", 200)
    monkeypatch.setattr(streams, "LOOK_AGAIN_S", 0.0)


@pytest.mark.usefixtures("_small")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=60))
def test_each_sees_what_it_asked_for_once_and_in_order(steps):
    play = asyncio.run(_played(steps))
    for client in play.clients:
        assert client.seen == client.expected(play.log.committed)
        row = client.job_id and play.log.row(client.workspace, client.job_id)
        assert client.ended == bool(row and row.final)
    assert not play.log.feed._stretches
