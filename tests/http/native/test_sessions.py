import pytest

from tests.http.native.places import answered_with, asked, ended, pages, refused, served, submitted

SESSIONS = "/v1/sessions"


async def test_a_session_is_opened_filled_and_closed():
    async with served() as (_, client):
        body = {"session_id": "s", "target": "acme.echo", "name": "n", "tags": ["t"], "priority": 2}
        status, headers, session = await asked(client, "POST", SESSIONS, json=body)
        assert (status, headers["Location"]) == (201, "/v1/sessions/s")
        shown = {"id": "s", "name": "n", "status": "Waiting", "job_failure_policy": "Abort", "closed_time": None}
        assert {name: session[name] for name in shown} == shown
        assert await answered_with(client, 200, "POST", SESSIONS, json=body) == session
        job = await ended(client, session_id="s")
        assert (await answered_with(client, 200, "GET", "/v1/jobs?session_id=s"))["items"] == [job]
        assert (await answered_with(client, 200, "GET", f"{SESSIONS}/s"))["status"] == "Executing"
        closed = await answered_with(client, 200, "POST", f"{SESSIONS}/s/close")
        assert closed["status"] == "Succeeded"
        assert await answered_with(client, 200, "POST", f"{SESSIONS}/s/close") == closed
        more = {"target": "acme.echo", "input": 1, "session_id": "s"}
        await refused(client, 409, "SessionClosed", "POST", "/v1/jobs", json=more)


async def test_a_session_that_is_not_there():
    async with served() as (_, client):
        await refused(client, 404, "SessionNotFound", "GET", f"{SESSIONS}/none")
        await refused(client, 404, "SessionNotFound", "POST", f"{SESSIONS}/none/close")
        more = {"target": "acme.echo", "input": 1, "session_id": "none"}
        await refused(client, 404, "SessionNotFound", "POST", "/v1/jobs", json=more)


async def test_sessions_are_listed_in_pages():
    async with served() as (_, client):
        for number in range(5):
            await answered_with(client, 201, "POST", SESSIONS, json={"session_id": f"s{number}", "target": "acme.echo"})
        names = [f"s{number}" for number in range(5)]
        found = await pages(client, SESSIONS, limit=2)
        assert [[session["id"] for session in page] for page in found] == [names[:2], names[2:4], names[4:]]
        found = await pages(client, SESSIONS, limit=3, descending="true", provider="acme", name_prefix="session-s")
        assert [session["id"] for page in found for session in page] == names[::-1]
        assert await pages(client, SESSIONS, target="acme.fails") == [[]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "provider_id"),
        ({"target": "acme.echo", "job_failure_policy": "Retry"}, "job_failure_policy"),
        ({"target": "acme.echo", "status": "Succeeded"}, "status"),
        ({"target": "acme.echo", "session_id": "a/b"}, "session_id"),
        ({"target": "acme.echo", "tags": [1]}, "tags[0]"),
        ({"provider_id": "nobody"}, "provider_id"),
    ],
)
async def test_what_is_wrong_with_a_session_is_named(body, field):
    async with served() as (_, client):
        assert (await refused(client, 422, "InvalidRequest", "POST", SESSIONS, json=body))["field"] == field
        assert (await submitted(client))["session_id"] is None
