"""Named subscribers over the native API: how they stand, what they have not taken, and what they are offered anew."""

import pytest

from kyanite.core.letters import Attempt, Letter
from kyanite.ports import Cursor, Settlement
from kyanite.runtime.subscriptions import cursor_name
from tests.http.native.places import answered_with, pages, refused, served
from tests.outlets.webhooks.receiving import soon


def letter(workspace, name, position, **fields):
    given = {"subscriber": cursor_name(workspace.name, name), "workspace": workspace.name, "job_id": "j", "version": 1}
    return Letter(position=position, attempts=1, first_time=workspace.now(), **(given | fields))


def attempt(workspace, name, position):
    given = {"subscriber": cursor_name(workspace.name, name), "workspace": workspace.name, "job_id": "j", "version": 1}
    return Attempt(position=position, number=1, time=workspace.now(), latency_s=0.1, taken=True, **given)


async def settle(workspace, name, positions=(), **fields):
    """A subscriber with such letters, and as many attempts."""
    cursor = Cursor(cursor_name(workspace.name, name), 7, workspace.now())
    letters = tuple(letter(workspace, name, position, **fields) for position in positions)
    attempts = tuple(attempt(workspace, name, position) for position in positions)
    settlement = Settlement(cursors=(cursor,), letters=letters, attempts=attempts)
    await workspace.host.storage.store.settle(settlement)


async def test_subscribers_are_listed_as_they_stand():
    async with served() as (workspace, client):
        await settle(workspace, "b", (1, 2))
        await settle(workspace, "b", (3,), due_time=workspace.now())
        await settle(workspace, "a")
        await settle(await workspace.beside("other"), "c", (1,))
        listed = (await answered_with(client, 200, "GET", "/v1/subscribers"))["items"]
        assert [(each["name"], each["waiting"], each["dead"]) for each in listed] == [("a", 0, 0), ("b", 1, 2)]
        assert listed[0].keys() == {"name", "position", "behind", "waiting", "dead", "running", "seen_time"}
        assert await pages(client, "/v1/subscribers", limit=1) == [[each] for each in listed]


async def test_letters_are_listed_by_subscriber_and_position():
    async with served() as (workspace, client):
        await settle(workspace, "b", (1, 4, 9), error="broken")
        await settle(workspace, "a", (2,), due_time=workspace.now())
        await settle(await workspace.beside("other"), "a", (3,))
        found = await pages(client, "/v1/letters", limit=2)
        assert [[(each["subscriber"], each["position"]) for each in page] for page in found] == [
            [("default/a", 2), ("default/b", 1)],
            [("default/b", 4), ("default/b", 9)],
        ]
        assert found[1][0] == {
            "subscriber": "default/b",
            "position": 4,
            "workspace": "default",
            "job_id": "j",
            "version": 1,
            "attempts": 1,
            "first_time": found[1][0]["first_time"],
            "due_time": None,
            "error": "broken",
        }
        for query, positions in (
            ({"subscriber": "b"}, [1, 4, 9]),
            ({"subscriber": "b", "dead": "false"}, []),
            ({"dead": "false"}, [2]),
            ({"dead": "true"}, [1, 4, 9]),
            ({"subscriber": "none"}, []),
            ({"subscriber": "../other/a"}, []),
        ):
            shown = await pages(client, "/v1/letters", limit=1, **query)
            assert [each["position"] for page in shown for each in page] == positions, query


async def test_attempts_are_listed_newest_first():
    async with served() as (workspace, client):
        await settle(workspace, "b", (1, 2, 3))
        await settle(workspace, "a", (5,))
        await settle(await workspace.beside("other"), "a", (6,))
        for limit in (1, 2, 3, 10):
            found = await pages(client, "/v1/attempts", limit=limit)
            assert [each["position"] for page in found for each in page] == [5, 3, 2, 1]
            assert {len(page) for page in found[:-1]} <= {limit}
        found = await pages(client, "/v1/attempts", subscriber="b", limit=2)
        assert [[each["position"] for each in page] for page in found] == [[3, 2], [1]]
        assert found[0][0]["taken"] is True


async def test_dead_letters_are_offered_anew():
    async with served() as (workspace, client):
        heard, good = [], []

        @workspace.on_final(name="mine")
        async def listen(event, details):
            heard.append(details.id)
            if not good:
                raise ValueError("not yet")

        job = await (await workspace.submit("acme.echo", 1)).wait(10)
        await soon(lambda: heard)
        body = {"subscriber": "mine", "positions": [job.details.version]}
        good.append(True)
        assert await answered_with(client, 200, "POST", "/v1/replay", json=body) == {"letters": 1}
        await soon(lambda: len(heard) > 1)
        (standing,) = (await answered_with(client, 200, "GET", "/v1/subscribers"))["items"]
        assert (standing["name"], standing["waiting"], standing["dead"]) == ("mine", 0, 0)
        again = await answered_with(client, 200, "POST", "/v1/replay", json={"subscriber": "mine", "after": 0})
        assert again == {"letters": 1}
        await soon(lambda: len(heard) > 2)
        assert set(heard) == {job.id}


async def test_what_waits_for_nobody_is_offered_when_there_is_somebody():
    async with served() as (workspace, client):
        await settle(workspace, "mine", (1, 2))
        found = await answered_with(client, 200, "POST", "/v1/replay", json={"subscriber": "mine", "dead": True})
        assert found == {"letters": 2}
        assert (await answered_with(client, 200, "GET", "/v1/letters?dead=true"))["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subscriber"),
        ({"subscriber": ""}, "subscriber"),
        ({"subscriber": "none"}, "subscriber"),
        ({"subscriber": "mine", "positions": [0]}, "positions[0]"),
        ({"subscriber": "mine", "positions": list(range(1, 10_002))}, "positions"),
        ({"subscriber": "mine", "positions": [1 << 63]}, "positions[0]"),
        ({"subscriber": "mine", "after": -1}, "after"),
        ({"subscriber": "mine", "everything": True}, "everything"),
    ],
)
async def test_what_is_wrong_with_a_replay_is_named(body, field):
    async with served() as (workspace, client):
        await settle(workspace, "mine")
        assert (await refused(client, 422, "InvalidRequest", "POST", "/v1/replay", json=body))["field"] == field


@pytest.mark.parametrize("query", [{"dead": "perhaps"}, {"subscriber": ""}, {"name": "x"}, {"limit": "0"}])
async def test_what_is_wrong_with_a_listing_is_named(query):
    async with served() as (_, client):
        (field,) = query
        assert (await refused(client, 422, "InvalidRequest", "GET", "/v1/letters", params=query))["field"] == field


async def test_a_cursor_of_a_webhook_is_not_a_clients():
    async with served() as (_, client):
        for name in ("webhook%2Fn", "hook%2Fn"):
            body = {"position": 1}
            assert (await refused(client, 422, "InvalidRequest", "PUT", f"/v1/cursors/{name}", json=body))[
                "field"
            ] == "name"
