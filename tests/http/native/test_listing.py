import pytest

from kyanite.stores.memory import MemoryStore
from tests.http.azure.places import a_row, with_rows
from tests.http.native.places import answered_with, ended, offering, pages, refused, served, serving, submitted

JOBS = "/v1/jobs"


async def ids(client, path=JOBS, **parameters):
    return [item["id"] for page in await pages(client, path, **parameters) for item in page]


@pytest.mark.parametrize("order", ["creation_time", "name", "status", "target", "provider_id", "rank"])
@pytest.mark.parametrize("descending", ["false", "true"])
async def test_pages_are_together_the_whole_listing(order, descending):
    async with served(drive=False) as (workspace, client):
        for number in range(7):
            await submitted(client, name=f"job {number % 3}", priority=number % 2)
        whole = [
            job.id async for job in workspace.list_jobs(order=order, descending=descending == "true", page_size=100)
        ]
        for limit in (1, 2, 3, 7, 1000):
            found = await pages(client, JOBS, limit=limit, order=order, descending=descending)
            assert [job["id"] for page in found for job in page] == whole
            assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
            assert 1 <= len(found[-1]) <= limit
        assert whole


async def test_what_is_submitted_meanwhile_moves_nothing():
    async with served(drive=False) as (_, client):
        first = [(await submitted(client))["id"] for _ in range(3)]
        page = await answered_with(client, 200, "GET", JOBS, params={"limit": 2, "descending": "true"})
        await submitted(client)
        rest = await answered_with(
            client, 200, "GET", JOBS, params={"limit": 2, "descending": "true", "cursor": page["next"]}
        )
        assert [job["id"] for job in (*page["items"], *rest["items"])] == first[::-1]
        assert rest["next"] is None


async def test_filters_are_those_of_the_workspace():
    async with served() as (_, client):
        a = await ended(client, job_id="a", name="one", tags=["x", "y"])
        b = await ended(client, job_id="b1", name="two", target="acme.fails", tags=["x"])
        c = await submitted(client, job_id="b2", name="twofold", target="acme.holds")
        for parameters, expected in (
            ({}, "a b1 b2"),
            ({"status": "succeeded"}, "a"),
            ({"status": "Succeeded,Failed"}, "a b1"),
            ([("status", "Succeeded"), ("status", "Failed")], "a b1"),
            ({"target": "acme.fails,acme.holds"}, "b1 b2"),
            ({"provider": "acme"}, "a b1 b2"),
            ({"provider": "other"}, ""),
            ({"name_prefix": "two"}, "b1 b2"),
            ({"id_prefix": "b"}, "b1 b2"),
            ({"tag": "x"}, "a b1"),
            ({"session_id": ""}, "a b1 b2"),
            ({"session_id": "s"}, ""),
            ({"created_after": b["creation_time"]}, "b1 b2"),
            ({"created_before": b["creation_time"]}, "a b1"),
            ({"created_before": a["creation_time"], "tag": "x", "status": "Succeeded"}, "a"),
        ):
            found = await answered_with(client, 200, "GET", JOBS, params=parameters)
            assert [job["id"] for job in found["items"]] == expected.split(), parameters
            count = await answered_with(client, 200, "GET", "/v1/counts", params=parameters)
            assert count == {"count": len(expected.split())}, parameters
        assert c["status"] == "Waiting"


async def test_counts_are_by_what_is_asked():
    async with served() as (_, client):
        await ended(client)
        await ended(client, target="acme.fails")
        await ended(client)
        path = "/v1/counts"
        assert await answered_with(client, 200, "GET", path, params={"by": "status"}) == {
            "counts": {"Succeeded": 2, "Failed": 1}
        }
        asked = {"by": "target", "status": "Failed"}
        assert await answered_with(client, 200, "GET", path, params=asked) == {"counts": {"acme.fails": 1}}
        await refused(client, 422, "InvalidRequest", "GET", path, params={"by": "tag"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("limit", "0", ">= 1"),
        ("limit", "1001", "<= 1000"),
        ("limit", "many", "Expected `int`"),
        ("limit", "", "Expected `int`"),
        ("order", "tags", "Invalid enum value"),
        ("descending", "perhaps", "Expected `bool`"),
        ("status", "Done", "Invalid enum value"),
        ("created_after", "yesterday", "RFC3339"),
        ("created_after", "0001-01-01T00:00:00+14:00", "no time in UTC"),
        ("created_before", "9999-12-31T23:59:59-14:00", "no time in UTC"),
        ("cursor", "", "none that this listing gave"),
        ("cursor", "AAAA", "none that this listing gave"),
        ("cursor", "ü", "none that this listing gave"),
        ("cursor", "x" * 8000, "none that this listing gave"),
        ("after", "{", "no JSON"),
        ("after", '["a"]', "not where anything stands"),
        ("top", "3", "not known here"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(name, value, said):
    async with served() as (_, client):
        problem = await refused(client, 422, "InvalidRequest", "GET", JOBS, params={name: value})
        assert problem["field"].partition("[")[0] == name
        assert said in problem["detail"]


async def test_a_parameter_is_not_given_twice():
    async with served() as (_, client):
        problem = await refused(client, 422, "InvalidRequest", "GET", JOBS, params=[("limit", "1"), ("limit", "2")])
        assert problem["field"] == "limit"


async def test_a_cursor_is_good_for_its_own_listing_only():
    async with served(drive=False) as (_, client):
        for _ in range(3):
            await submitted(client)
        page = await answered_with(client, 200, "GET", JOBS, params={"limit": 1, "status": "waiting"})
        asked = {"status": "Waiting", "limit": "2", "cursor": page["next"]}  # the same, in other words
        assert len((await answered_with(client, 200, "GET", JOBS, params=asked))["items"]) == 2
        for other in ({"status": "Failed"}, {"tag": "x"}, {"order": "name"}, {"descending": "true"}, {}):
            await refused(client, 422, "InvalidRequest", "GET", JOBS, params={"cursor": page["next"], **other})
        await refused(client, 422, "InvalidRequest", "GET", "/v1/sessions", params={"cursor": page["next"]})


async def test_a_listing_goes_on_behind_a_sort_key():
    async with served(drive=False) as (_, client):
        for name in ("b", "a", "c"):
            await submitted(client, job_id=name, name=name)
        first = await answered_with(client, 200, "GET", JOBS, params={"order": "name", "limit": 1})
        assert [job["id"] for job in first["items"]] == ["a"]
        place = f'["a",{2**60},"a"]'
        assert await ids(client, order="name", after=place, limit=1) == ["b", "c"]


async def test_a_listing_never_holds_more_than_a_page():
    store = await with_rows(MemoryStore(), [a_row(number) for number in range(1_001)])
    async with offering(store=store, drive=False) as workspace, serving(workspace) as client:
        page = await answered_with(client, 200, "GET", JOBS)
        assert len(page["items"]) == 100
        found = await pages(client, JOBS, limit=1_000)
        assert [len(page) for page in found] == [1_000, 1]


async def test_a_story_is_told_in_pages():
    async with served() as (_, client):
        job = await ended(client)
        path = f"{JOBS}/{job['id']}/story"
        whole = (await answered_with(client, 200, "GET", path))["items"]
        assert [event["type"] for event in whole] == ["Submitted", "Began", "Succeeded"]
        assert [event["version"] for event in whole] == [1, 2, 3]
        assert all(event["position"] > 0 for event in whole)
        assert whole[0]["details"]["id"] == job["id"]
        assert await pages(client, path, limit=2) == [whole[:2], whole[2:]]
