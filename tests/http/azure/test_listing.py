"""Listings of some forty jobs and a few sessions, held against what Python makes of all of them."""

from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.http.azure.listing import Listing, page
from kyanite.http.azure.paging import Position
from kyanite.http.azure.query import ORDERS, ItemType, JobType, selection_of
from kyanite.http.azure.wire import job_type
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.stores import a_session
from tests.http.azure.places import ANNEALING, NEW, OLD, a_row, asked, ids, offering, pages, serving, with_rows

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
TARGETS = (ANNEALING, "microsoft.tabu-parameterfree.cpu", "ionq.simulator", "1qbit.tabu", "gone.target")
NAMES = ("run", "run 2", "it's", "a') and (b", "übung", "Run", "z")
ROWS = [
    a_row(
        number,
        name=NAMES[number % len(NAMES)],
        target=TARGETS[number * 7 % len(TARGETS)],
        status=list(Status)[number * 3 % len(Status)],
        session_id=f"s{number % 4}" if number % 5 == 0 else None,
        creation_time=START + timedelta(minutes=25 * (number // 2)),
    )
    for number in range(40)
]
SESSIONS = [
    a_session(
        number,
        id=f"s{number}",
        name=NAMES[number],
        target=TARGETS[number % 2],
        provider_id="microsoft",
        creation_time=START + timedelta(minutes=100 * number),
        closed_time=START if number % 2 else None,
    )
    for number in range(4)
]


async def populated(store):
    await with_rows(store, ROWS)
    await store.open()
    for session in SESSIONS:
        await store.open_session(session)
    await store.aclose()
    return offering(store=store, blobs=MemoryBlobs(), drive=False)


def quoted(field, values):
    return "(" + " or ".join(f"{field} eq '{value}'" for value in values) + ")"


few = lambda values: st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
days = st.none() | st.sampled_from(["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"])
choices = st.fixed_dictionaries(
    {
        "prefix": st.sampled_from(["", "r", "run", "run ", "it'", "a') and (", "ü", "nothing"]),
        "item": few(list(ItemType)),
        "kind": few(list(JobType)),
        "provider": few(["Microsoft", "IONQ", "1qbit", "gone", "nobody"]),
        "target": few([*TARGETS, "nowhere"]),
        "state": few(["Waiting", "JobStatus.SUCCEEDED", "Failed", "Completed", "TimedOut", "JobStatus.EXECUTING"]),
        "after": days,
        "before": days,
        "order": st.none() | st.sampled_from([f"{name}{way}" for name in ORDERS for way in ("", " asc", " desc")]),
        "top": st.none() | st.integers(1, 50),
        "skip": st.none() | st.integers(0, 45),
    }
)


def parameters(chosen):
    terms = [f"startswith(Name, '{chosen['prefix']}')"] if chosen["prefix"] else []
    fields = {"item": "ItemType", "kind": "JobType", "provider": "ProviderId", "target": "Target", "state": "State"}
    terms += [quoted(field, chosen[name]) for name, field in fields.items() if chosen[name]]
    terms += [f"CreationTime {sign} {chosen[n]}" for n, sign in (("after", "ge"), ("before", "le")) if chosen[n]]
    asked_for = {
        "filter": " and ".join(terms),
        "orderby": chosen["order"],
        "top": chosen["top"],
        "skip": chosen["skip"],
    }
    return {name: str(value) for name, value in asked_for.items() if value not in {None, ""}}


def matches(item, chosen):
    state = {text.rpartition(".")[2].lower() for text in chosen["state"] or ()}
    day = item["creationTime"][:10]
    return (
        item["name"].startswith(chosen["prefix"])
        and (not chosen["item"] or item["itemType"] in chosen["item"])
        and (not chosen["kind"] or (item["itemType"] == "Job" and job_type(item["target"]) in chosen["kind"]))
        and (not chosen["provider"] or item["providerId"].lower() in {text.lower() for text in chosen["provider"]})
        and (not chosen["target"] or item["target"] in chosen["target"])
        and (not state or item["status"].lower() in state)
        and (not chosen["after"] or chosen["after"] <= day)
        and (not chosen["before"] or day <= chosen["before"])
    )


def in_order(items, order):
    field, _, direction = (order or "CreationTime").partition(" ")
    sent = {"Name": "name", "ItemType": "itemType", "ProviderId": "providerId", "Target": "target", "State": "status"}

    def key(item):
        value = item.get("jobType", "") if field == "JobType" else item.get(sent.get(field), "")
        return value, item["creationTime"], item["id"]

    return sorted(items, key=key, reverse=direction == "desc")


def model(items, chosen):
    return [item["id"] for item in in_order((i for i in items if matches(i, chosen)), chosen["order"])][
        chosen["skip"] or 0 :
    ]


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "jobs.sqlite", synchronous="NORMAL")


@pytest.mark.parametrize("path", ["jobs", "sessions", "topLevelItems", "sessions/s0/jobs"])
async def test_a_listing_is_what_python_makes_of_all_items(store, path):
    async with await populated(store) as workspace, serving(workspace) as client:
        everything = list(chain(*await pages(client, f"{NEW}/{path}")))

        async def check(chosen):
            wanted = parameters(chosen)
            found = await pages(client, f"{NEW}/{path}", **wanted)
            assert [item["id"] for one in found for item in one] == model(everything, chosen), wanted
            size = chosen["top"] or 100
            assert [len(one) for one in found[:-1]] == [size] * (len(found) - 1)
            assert 0 < len(found[-1]) <= size or len(found) == 1

        for chosen in sample():
            await check(chosen)


def sample():
    """As many choices as the profile says: Hypothesis drives no coroutines, so that they are drawn beforehand."""
    found = []

    @settings(database=None)
    @given(choices)
    def draw(chosen):
        found.append(chosen)

    draw()
    return found


async def test_nothing_is_left_out_of_the_listings(store):
    async with await populated(store) as workspace, serving(workspace) as client:
        assert sorted(await ids(client, f"{OLD}/jobs")) == sorted(row.id for row in ROWS)
        assert await ids(client, f"{NEW}/sessions") == ["s0", "s1", "s2", "s3"]
        outside = [row.id for row in ROWS if row.session_id is None]
        assert sorted(await ids(client, f"{NEW}/topLevelItems", top="3")) == sorted([*outside, "s0", "s1", "s2", "s3"])
        assert await ids(client, f"{NEW}/sessions/s0/jobs") == [row.id for row in ROWS if row.session_id == "s0"]


async def test_a_job_submitted_meanwhile_moves_nothing():
    async with await populated(MemoryStore()) as workspace, serving(workspace) as client:
        status, first = await asked(client, "GET", f"{NEW}/jobs", params={"top": "30", "orderby": "CreationTime desc"})
        assert status == 200
        await workspace.submit("acme.echo", b"1", job_id="new")
        _, second = await asked(client, "GET", first["nextLink"].partition(f":{client.port}")[2])
        assert [item["id"] for item in first["value"] + second["value"]] == [row.id for row in reversed(in_creation())]
        assert second["nextLink"] is None


def in_creation():
    return sorted(ROWS, key=lambda row: (row.creation_time, row.id))


@pytest.mark.parametrize("path", ["jobs", "sessions", "topLevelItems"])
async def test_what_is_not_understood_is_said(path):
    async with await populated(MemoryStore()) as workspace, serving(workspace) as client:
        for name, value in (
            ("filter", "Name eq 'x'"),
            ("orderby", "Size asc"),
            ("top", "0"),
            ("skip", "-1"),
            ("token", "AAAA"),
        ):
            status, answer = await asked(client, "GET", f"{NEW}/{path}", params={name: value})
            assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
            assert name in answer["error"]["message"]


async def test_a_token_of_another_listing_is_refused():
    async with await populated(MemoryStore()) as workspace, serving(workspace) as client:
        _, first = await asked(client, "GET", f"{NEW}/jobs", params={"top": "1"})
        token = first["nextLink"].rpartition("token=")[2]
        for path, more in (
            ("topLevelItems", {}),
            ("jobs", {"orderby": "Name asc"}),
            ("jobs", {"filter": "startswith(Name, 'r')"}),
        ):
            status, _ = await asked(client, "GET", f"{NEW}/{path}", params={"token": token, **more})
            assert status == 400


@pytest.mark.parametrize("key", [(1, 2), ("a", "b"), ("a", 1, "b"), (1.5, "a")])
async def test_a_place_that_the_order_has_not_is_refused(key):
    listing = Listing(selection=selection_of(), kinds=frozenset(ItemType))
    async with await populated(MemoryStore()) as workspace:
        with pytest.raises(InvalidRequest):
            await page(workspace, listing, Position(0, key), 0, 5)


async def test_the_old_listing_comes_in_pages_too():
    rows = [a_row(number) for number in range(250)]
    async with (
        offering(store=await with_rows(MemoryStore(), rows), drive=False) as workspace,
        serving(workspace) as client,
    ):
        found = await pages(client, f"{OLD}/jobs")
        assert [len(one) for one in found] == [100, 100, 50]
        assert [item["id"] for one in found for item in one] == [row.id for row in rows]
