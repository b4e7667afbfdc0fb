import pytest

from kyanite.http.native import cursors
from tests.http.native.places import answered_with, refused, served


async def test_a_cursor_is_kept_for_its_subscriber():
    async with served() as (_, client):
        path = "/v1/cursors/mine%2Fand more"
        problem = await refused(client, 404, "CursorNotFound", "GET", path)
        assert "mine/and more" in problem["detail"]
        for position in (7, 3, (1 << 63) - 1, 0):
            await answered_with(client, 200, "PUT", path, json={"position": position})
            assert await answered_with(client, 200, "GET", path) == {"position": position}
        for bad in (-1, 1 << 63, 1.5, "1", None):
            problem = await refused(client, 422, "InvalidRequest", "PUT", path, json={"position": bad})
            assert problem["field"] == "position"
        assert (await refused(client, 422, "InvalidRequest", "PUT", path))["field"] == "position"


async def test_a_cursor_is_the_one_of_a_subscriber_here():
    async with served() as (workspace, client):

        @workspace.on_final(name="mine", from_start=True)
        async def heard(event, details):
            return None

        job = await workspace.submit("acme.echo", "1")
        await job.wait()
        await answered_with(client, 200, "PUT", "/v1/cursors/other", json={"position": 1})
        position = await answered_with(client, 200, "GET", "/v1/cursors/mine")
        assert position["position"] >= 0


async def test_cursors_are_bounded(monkeypatch):
    monkeypatch.setattr(cursors, "CURSORS_MAX", 2)
    async with served() as (_, client):
        for name in ("a", "b", "a"):
            await answered_with(client, 200, "PUT", f"/v1/cursors/{name}", json={"position": 1})
        await refused(client, 429, "QuotaExceeded", "PUT", "/v1/cursors/c", json={"position": 1})


LETTER = {"position": 1, "job_id": "j", "version": 1, "attempts": 1, "first_time": "2026-01-01T00:00:00Z"}
ATTEMPT = {
    "position": 1,
    "job_id": "j",
    "version": 1,
    "number": 1,
    "latency_s": 0.1,
    "taken": True,
    "time": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("part", "item", "field"),
    [("letters", LETTER, "first_time"), ("letters", LETTER, "due_time"), ("attempts", ATTEMPT, "time")],
)
async def test_a_time_without_its_zone_is_none(part, item, field):
    async with served() as (_, client):
        body = {"position": 1, part: [item | {field: "2026-01-01T00:00:00"}]}
        problem = await refused(client, 422, "InvalidRequest", "PUT", "/v1/cursors/mine", json=body)
        assert problem["field"] == f"{part}[0].{field}"
        await answered_with(client, 200, "PUT", "/v1/cursors/mine", json={"position": 1, part: [item]})
