import pytest

from kyanite.http.native.keys import KEYS
from kyanite.http.scopes import Scope
from tests.http.native.places import answered_with, pages, refused, served

PATH = "/v1/keys"


async def test_a_key_is_made_listed_and_revoked():
    async with served() as (_, client):
        keys = client.app[KEYS]
        made = await answered_with(client, 201, "POST", PATH, json={"name": "n", "scope": "read"})
        found = keys.find(made["key"])
        assert (found.id, found.granted, found.workspace) == (made["id"], Scope.READ, "default")
        text = made.pop("key")
        assert await answered_with(client, 200, "GET", PATH) == {"items": [made], "next": None}
        assert "digest" not in made
        for _ in range(2):
            assert await answered_with(client, 204, "DELETE", f"{PATH}/{made['id']}") is None
        assert keys.find(text) is None
        (listed,) = (await answered_with(client, 200, "GET", PATH))["items"]
        assert listed["revocation_time"] is not None
        await refused(client, 404, "KeyNotFound", "DELETE", f"{PATH}/none")


async def test_nobody_makes_more_than_they_may():
    async with served(scope=Scope.ADMIN) as (_, client):
        keys = client.app[KEYS]
        operator, _ = keys.create("operator", Scope.OPERATE)
        other, _ = keys.create("other", Scope.READ, "elsewhere")
        await refused(client, 403, "Forbidden", "POST", PATH, json={"scope": "operate"})
        assert await answered_with(client, 200, "GET", PATH) == {"items": [], "next": None}
        for hidden in (operator, other):
            await refused(client, 404, "KeyNotFound", "DELETE", f"{PATH}/{hidden.id}")
            assert keys.all()[0].revocation_time is None
        for scope in ("read", "submit", "admin"):
            await answered_with(client, 201, "POST", PATH, json={"scope": scope})
    async with served(scope=Scope.OPERATE) as (_, client):
        made = await answered_with(client, 201, "POST", PATH, json={"scope": "operate"})
        assert made["scope"] == "operate"
        assert await answered_with(client, 204, "DELETE", f"{PATH}/{made['id']}") is None


async def test_keys_are_listed_in_pages():
    async with served() as (_, client):
        for number in range(5):
            client.app[KEYS].create(str(number), Scope.READ, "default")
        found = await pages(client, PATH, limit=2)
        assert [[key["name"] for key in page] for page in found] == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"scope": "all"}, "scope"), ({"name": "x" * 513}, "name"), ({"id": "x"}, "id"), ({"digest": "0"}, "digest")],
)
async def test_what_is_wrong_with_a_key_is_named(body, field):
    async with served() as (_, client):
        assert (await refused(client, 422, "InvalidRequest", "POST", PATH, json=body))["field"] == field
