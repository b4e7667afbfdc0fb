"""Event streams over connections that break."""

from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyanite import Began, Progressed
from kyanite.client import streams
from kyanite.client.frames import Frame
from kyanite.client.streams import bursts, events_in, place_of, updates_in
from kyanite.core.events import EPOCH
from kyanite.errors import InfrastructureError, JobNotFound, QuotaExceeded, Unreachable
from tests.client.fake import connection, fake, faked, gone, ready, refused, streamed, told

END = b'id: 9\nevent: End\ndata: {"position":9}\n\n'


def began(*positions):
    return [Began(job_id="x", attempt=1, version=position, position=position) for position in positions]


async def read(opened, after=None, count=None):
    """What a stream tells, up to its end, or so many frames of it."""
    found = []
    async with aclosing(bursts(opened, "/v1/events", [("type", "Began")], after)) as source:
        async for burst in source:
            found += burst
            if count is not None and len(found) >= count:
                break
    return found


def ids(daemon):
    return [request.headers.get("Last-Event-ID") for request in daemon.seen]


async def test_a_stream_goes_on_where_it_broke_off():
    first, second, third = map(told, began(8, 9, 12))
    async with faked() as (daemon, opened):
        daemon.on(
            "GET",
            "/v1/events",
            streamed(ready(7), first, second[:20]),
            gone,
            refused(503, "ServiceUnavailable", "about to end"),
            streamed(ready(8), second, end="whole"),
            streamed(b"retry: 1000\n\n"),
            streamed(ready(9), third, END, end="whole"),
        )
        found = await read(opened)
        assert [frame.event for frame in found] == ["Ready", "Began", "Began", "Began"]
        assert events_in(found) == began(8, 9, 12)
        assert ids(daemon) == [None, "8", "8", "8", "9", "9"]
        assert all(request.query["type"] == "Began" for request in daemon.seen)


async def test_what_comes_again_is_not_told_again():
    async with faked() as (daemon, opened):
        again = [told(event) for event in began(5, 6, 7, 8)]
        daemon.on("GET", "/v1/events", streamed(ready(5), *again[:3]), streamed(ready(7), *again, END, end="whole"))
        assert events_in(await read(opened, after=5)) == began(6, 7, 8)
        assert ids(daemon) == ["5", "7"]


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 600), max_size=6))
async def test_wherever_it_breaks_nothing_is_lost_or_doubled(cuts):
    expected = began(*range(1, 9))

    def from_there_on(cut):
        async def answer(request):
            after = int(request.headers.get("Last-Event-ID", 0))
            text = ready(after) + b"".join(map(told, expected[after:])) + END
            return await streamed(text if cut is None else text[:cut], end="whole" if cut is None else "cut")(request)

        return answer

    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1/events", *map(from_there_on, [*cuts, None]))
        assert events_in(await read(opened)) == expected


async def test_ids_alone_move_on_and_progress_does_not():
    progress = (
        b'event: Progressed\ndata: {"workspace":"w","job_id":"x","time":"1970-01-01T00:00:00Z","fraction":0.5}\n\n'
    )
    async with faked() as (daemon, opened):
        daemon.on(
            "GET", "/v1/events", streamed(ready(1), b"id: 30\n\n", progress), streamed(ready(30), END, end="whole")
        )
        found = await read(opened)
        assert updates_in(found) == [Progressed(workspace="w", job_id="x", time=EPOCH, fraction=0.5)]
        assert events_in(found) == []
        assert ids(daemon) == [None, "30"]


async def test_patience_with_a_daemon_that_ends_each_stream_it_begins():
    async with fake() as daemon, connection(daemon.address, patience_s=0.05) as opened:
        daemon.on("GET", "/v1/events", streamed(ready(1), end="whole"))
        with pytest.raises(Unreachable, match="the stream of events ended"):
            await read(opened)
        assert len(daemon.seen) > 1


async def test_a_stream_that_lasted_has_not_failed_before(monkeypatch):
    monkeypatch.setattr(streams, "LASTING_S", -1.0)
    async with fake() as daemon, connection(daemon.address, patience_s=0.05) as opened:
        endings = [streamed(ready(1), end="whole")] * 60
        daemon.on("GET", "/v1/events", *endings, streamed(END, end="whole"))
        await read(opened)
        assert len(daemon.seen) == 61


async def test_a_quota_refuses_the_first_and_holds_up_the_others():
    full = refused(429, "QuotaExceeded", "The workspace has all that it may have: streams", Retry_After="0")
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1/events", full)
        with pytest.raises(QuotaExceeded):
            await read(opened)
        daemon.on("GET", "/v1/events", streamed(ready(1)), full, full, streamed(ready(1), END, end="whole"))
        await read(opened)
        assert len(daemon.seen) == 5


async def test_an_older_log_that_was_put_back_is_read_from_its_end():
    async with faked() as (daemon, opened):
        new, old = began(5, 6), began(4, 5)
        daemon.on(
            "GET",
            "/v1/events",
            streamed(ready(4), *map(told, new)),
            streamed(ready(3), *map(told, old), END, end="whole"),
        )
        assert events_in(await read(opened)) == [*new, *old]


async def test_what_there_is_not_is_told_at_once():
    async with faked() as (daemon, opened):
        daemon.on("GET", "/v1/events", refused(404, "JobNotFound", "No such job: x"))
        with pytest.raises(JobNotFound):
            await read(opened)


@pytest.mark.parametrize("frame", [Frame("Began", b"{}", "x"), Frame("Began", b"{}", ""), Frame("Began", b"{}", "-1")])
def test_an_id_that_is_no_position_is_refused(frame):
    with pytest.raises(InfrastructureError, match="no position"):
        place_of(frame)


@pytest.mark.parametrize("data", [b"{", b'{"type":"Unheard"}', b"[]"])
def test_an_event_that_can_not_be_read_is_told_as_that(data):
    with pytest.raises(InfrastructureError, match="can not be read"):
        events_in([Frame("Began", data, "1")])
