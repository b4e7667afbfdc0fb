"""Today's SDK against the daemon: a job from submit to result, and what can be done to one."""

import pytest

from tests.acceptance.daemons import answers
from tests.acceptance.scripts.problems import SPINS, best_cost

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

BEST = best_cost("ising", SPINS)
TARGET = "microsoft.simulatedannealing.cpu"


@pytest.fixture(scope="module")
def seen(azure_quantum, daemon):
    """What the script saw."""
    return answers(azure_quantum, "today_jobs.py", daemon.folder, ENDPOINT=daemon.address, API_KEY="any")


def test_a_generic_target_solves(seen):
    solved = seen["solved"]
    assert solved["results"]["cost"] == solved["plain"]["cost"] == BEST
    assert solved["output"] == solved["results"] == solved["by id"]


def test_details_come_back_as_they_were_sent(seen):
    details = seen["solved"]["details"]
    assert seen["solved"]["item"] == "Job"
    assert details["metadata"] == {"owner": "me", "sizes": [8, 4], "nested": {"a": None}}
    assert details["inputParams"] == {"params": {"sweeps": 100, "restarts": 4, "seed": 7}}
    assert (details["providerId"], details["target"], details["jobType"]) == ("Microsoft", TARGET, "Optimization")
    assert (details["priority"], details["tags"]) == ("High", ["ring", "first"])
    assert details["creationTime"] <= details["beginExecutionTime"] <= details["endExecutionTime"]
    assert "?" in details["inputDataUri"]


def test_a_submit_that_is_repeated_makes_one_job(seen):
    assert len(set(seen["repeated"]["ids"])) == 1
    assert "ResourceExistsError" in seen["repeated"]["other"]["classes"]


def test_name_priority_and_tags_change(seen):
    amended = seen["amended"]
    assert amended["seen"] == [
        ["Waiting", "after", "Standard", []],
        ["Waiting", "after", "High", []],
        ["Waiting", "after", "High", ["a", "b"]],
        ["Waiting", "last", "Standard", []],
    ]
    assert amended["unknown"]["status"] == 400
    assert amended["final"] == "renamed at the end"


def test_a_job_that_executes_is_cancelled(seen):
    cancelled = seen["cancelled"]
    assert cancelled["status"] == cancelled["again"] == "Cancelled"
    assert cancelled["answer"] in {"Executing", "CancellationRequested", "Cancelling", "Cancelled"}
    assert "RuntimeError" in cancelled["results"]["classes"]


def test_a_deleted_job_is_gone(seen):
    deleted = seen["deleted"]
    assert "ResourceNotFoundError" in deleted["get"]["classes"]
    assert deleted["left"] == []
    assert deleted["running"] is None or deleted["running"]["status"] == 409


def test_a_failed_job_tells_why(seen):
    failed = seen["failed"]
    assert "RuntimeError" in failed["results"]["classes"]
    assert failed["status"] == "Failed"
    assert "AZQ103" in str(failed["error"])


def test_files_are_attached_and_listed(seen):
    attached = seen["attached"]
    assert set(attached["blobs"]) - set(attached["before"]) == {"notes.txt", "figures/one.txt"}
    assert attached["blobs"]["notes.txt"] == [14, "application/json"]
    assert attached["content"] == "what I thought"
    assert attached["bytes"] == [0, 255]
    assert attached["properties"] > 0


def test_what_was_written_stays(seen):
    attached = seen["attached"]
    assert "ResourceExistsError" in attached["again"]["classes"]
    assert attached["as output"]["status"] == 403
    assert attached["as input"]["status"] in {403, 409}


def test_what_can_not_be_is_refused(seen):
    refused = seen["refused"]
    assert "contoso.annealer" in refused["target"]["message"]
    assert all(400 <= refused[name]["status"] < 500 for name in ("target", "provider", "input", "job"))
    assert "ResourceNotFoundError" in refused["job"]["classes"]


def test_targets_and_quotas_are_told(seen):
    offered = seen["offered"]
    provider, status = offered["statuses"]["microsoft.tabu.cpu"]
    assert provider == "Microsoft"
    assert status["currentAvailability"] == "Available"
    assert isinstance(status["averageQueueTime"], int)
    assert offered["named"][0] == "microsoft.tabu.cpu"
    assert all(quota["scope"] in {"Workspace", "Subscription"} for quota in offered["quotas"])
