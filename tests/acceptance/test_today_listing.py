"""Today's SDK against the daemon: every filter, order and page of its lists, and sessions."""

from itertools import chain

import pytest

from tests.acceptance.daemons import answers, serving

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

ANNEALED = [f"list-{number}" for number in range(5)]
GOOD = [*ANNEALED, "list-tabu"]
ALL = [*GOOD, "list-bad"]
EXPECTED = {
    "all": ALL,
    "name": ALL,
    "no name": [],
    "type": ALL,
    "no type": [],
    "provider": ALL,
    "providers": ALL,
    "no provider": [],
    "target": ["list-tabu"],
    "targets": ALL,
    "status": ["list-bad"],
    "statuses": ALL,
    "enum": GOOD,
    "no status": [],
    "after": ALL,
    "not after": [],
    "before": ALL,
    "not before": [],
    "between": ALL,
    "every": ["list-tabu"],
}
KEYS = {"Name": 0, "Target": 1, "State": 2, "CreationTime": 3}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A daemon with no other jobs than those of this file."""
    with serving(tmp_path_factory.mktemp("listing")) as started:
        yield started


@pytest.fixture(scope="module")
def seen(azure_quantum, daemon):
    """What the script saw."""
    return answers(azure_quantum, "today_listing.py", daemon.folder, ENDPOINT=daemon.address, API_KEY="any")


@pytest.mark.parametrize("filters", EXPECTED)
def test_each_filter_finds_its_jobs(seen, filters):
    assert sorted(seen["filtered"][filters]) == sorted(EXPECTED[filters])


def test_a_name_with_a_quote_does_no_harm(seen):
    quoted = seen["filtered"]["quoted"]
    assert quoted is None or quoted["status"] == 400


@pytest.mark.parametrize("name", ["Name", "ItemType", "JobType", "ProviderId", "Target", "State", "CreationTime"])
def test_each_order_works_both_ways(seen, name):
    ascending, descending = seen["ordered"][f"{name} asc"], seen["ordered"][f"{name} desc"]
    assert sorted(job[0] for job in ascending) == sorted(job[0] for job in descending) == sorted(ALL)
    if name in KEYS:
        values = [job[KEYS[name]] for job in ascending]
        assert values == sorted(values)
        assert [job[KEYS[name]] for job in descending] == sorted(values, reverse=True)


def test_lists_go_on_past_a_page(seen):
    paged = seen["paged"]
    assert [len(page) for page in paged["pages"]] == [3, 3, 1]
    assert sorted(chain(*paged["pages"])) == sorted(ALL)
    assert paged["ordered"] == sorted(ALL, reverse=True)
    assert len(paged["skipped"]) == len(ALL) - 2
    assert len(set(paged["skipped"])) == len(ALL) - 2


def test_a_session_holds_its_jobs(seen):
    sessions = seen["sessions"]
    names = [f"in-{number}" for number in range(4)]
    assert sorted(sessions["jobs"]) == sorted(sessions["succeeded"]) == names
    assert sessions["matched"] == ["in-1"]
    assert sessions["backwards"] == names[::-1]
    assert [len(page) for page in sessions["pages"]] == [3, 1]
    assert sessions["session of a job"]


def test_a_session_is_open_until_it_is_closed(seen):
    sessions = seen["sessions"]
    assert sessions["while open"] in {"Waiting", "Executing"}
    assert (sessions["opened"]["status"], sessions["again"]["status"]) == ("Succeeded", "Succeeded")
    assert sessions["opened"]["name"] == "first session"
    assert sessions["opened"]["tags"] == ["ring"]
    assert sessions["late"]["status"] in {400, 409}
    assert "ResourceNotFoundError" in sessions["unknown"]["classes"]


def test_a_session_that_aborts_takes_no_more(seen):
    status, refused = seen["sessions"]["aborted"]
    assert status == "Failed"
    assert refused["status"] in {400, 409}
    assert seen["sessions"]["aborted jobs"] == ["in-bad"]


def test_a_session_that_goes_on_takes_more(seen):
    status, jobs = seen["sessions"]["continued"]
    assert sorted(jobs) == ["in-bad-2", "in-good"]
    assert status in {"Succeeded", "Failure(s)"}


def test_opening_again_is_no_error(seen):
    assert seen["sessions"]["reopened"] is None


def test_top_level_items_are_sessions_and_the_jobs_outside(seen):
    top = seen["top level"]
    sessions = ["first session", "aborted", "goes on"]
    assert sorted(name for _, name in top["all"]) == sorted([*ALL, *sessions])
    assert sorted(name for _, name in top["jobs"]) == sorted(ALL)
    assert sorted(name for _, name in top["sessions"]) == sorted(sessions)
    assert [name for _, name in top["both"]] == sorted([*ALL, *sessions])
    assert top["named"] == [["Session", "first session"]]
    assert sorted(name for _, name in top["target"]) == sorted(["list-tabu", "aborted", "goes on"])
    assert sorted(chain(*top["pages"])) == sorted([*ALL, *sessions])
    assert [len(page) for page in top["pages"]] == [4, 4, 2]


def test_sessions_are_listed(seen):
    top = seen["top level"]
    sessions = ["first session", "aborted", "goes on"]
    assert sorted(top["list"]) == sorted(sessions)
    assert top["of a target"] == ["first session"]
    assert top["descending"] == sessions[::-1]
    assert [len(page) for page in top["session pages"]] == [2, 1]
