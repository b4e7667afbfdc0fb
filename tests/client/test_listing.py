"""Filters as queries, and pages."""

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl

import msgspec
import pytest

from kyanite import Status
from kyanite.client.listing import JOB_FILTERS, SESSION_FILTERS, Page, items, query_of
from kyanite.errors import InvalidRequest
from tests.client.fake import faked, json


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({}, []),
        ({"status": "waiting"}, [("status", "waiting")]),
        ({"status": [Status.WAITING, "Failed"]}, [("status", "Waiting"), ("status", "Failed")]),
        ({"target": iter(["a", "b"]), "provider": []}, [("target", "a"), ("target", "b")]),
        (
            {"name_prefix": "", "id_prefix": "x", "session_id": "", "tag": None},
            [("id_prefix", "x"), ("session_id", "")],
        ),
        ({"order": "rank", "descending": True}, [("order", "rank"), ("descending", "true")]),
        ({"after": ("n", 5, "id")}, [("after", '["n",5,"id"]')]),
        ({"created_after": datetime(2026, 1, 1)}, [("created_after", "2026-01-01T00:00:00+00:00")]),  # noqa: DTZ001  # without a zone it is UTC
        (
            {"created_before": datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))},
            [("created_before", "2026-01-01T12:00:00.000005+02:00")],
        ),
    ],
)
def test_filters_are_written_as_the_daemon_reads_them(filters, query):
    assert query_of(filters, JOB_FILTERS) == query


@pytest.mark.parametrize(
    ("field", "value"), [("target", [3]), ("created_after", "today"), ("after", object()), ("status", [None])]
)
def test_what_can_not_be_written_is_refused(field, value):
    with pytest.raises(InvalidRequest) as refused:
        query_of({field: value}, JOB_FILTERS)
    assert refused.value.field == field


def test_a_filter_that_there_is_not_is_the_programs_mistake():
    for known, name in ((JOB_FILTERS, "colour"), (SESSION_FILTERS, "status")):
        with pytest.raises(TypeError, match=name):
            query_of({name: "x"}, known)


async def test_pages_are_fetched_as_the_caller_goes_on():
    decoder = msgspec.json.Decoder(Page[int])
    async with faked() as (daemon, opened):
        daemon.on(
            "GET",
            "/v1/numbers",
            json({"items": [1, 2], "next": "a b"}),
            json({"items": [3, 4], "next": "c"}),
            json({"items": [5], "next": None}),
        )
        found = [item async for item in items(opened, "/v1/numbers", [("tag", "é&")], decoder, size=2)]
        assert found == [1, 2, 3, 4, 5]
        asked = [parse_qsl(request.query_string) for request in daemon.seen]
        first = [("tag", "é&"), ("limit", "2")]
        assert asked == [first, [*first, ("cursor", "a b")], [*first, ("cursor", "c")]]
        daemon.on("GET", "/v1/numbers", json({"items": [1, 2], "next": "x"}))
        daemon.seen.clear()
        assert [item async for item in items(opened, "/v1/numbers", [], decoder, size=2, limit=3)] == [1, 2, 1]
        assert [item async for item in items(opened, "/v1/numbers", [], decoder, limit=0)] == []
        assert len(daemon.seen) == 2
