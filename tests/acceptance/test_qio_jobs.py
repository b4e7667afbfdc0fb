"""The retired SDK looks at jobs and targets, cancels, and attaches files."""

import pytest

from tests.acceptance.daemons import answers
from tests.acceptance.scripts.problems import SPINS, best_cost

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

PARAMETER_FREE = "-parameterfree"


@pytest.fixture(scope="module")
def seen(qio_sdk, daemon):
    """What the script saw."""
    return answers(qio_sdk, "qio_jobs.py", daemon.folder, AZURE_QUANTUM_BASEURL=daemon.address)


def test_every_target_can_be_asked_for(seen):
    targets = seen["targets"]
    assert {name for name in targets["every"] if "parameterfree" in name}
    assert {"microsoft.qmc.cpu", "microsoft.tabu.cpu", "toshiba.sbm.ising"} <= set(targets["every"])
    for name, (found, _, availability, queue_time) in targets["found"].items():
        assert found.replace(PARAMETER_FREE, "") == name.replace(PARAMETER_FREE, "")
        assert availability == "Available"
        assert isinstance(queue_time, int)
    assert set(targets["names"]) >= {"microsoft.qmc.cpu", "toshiba.sbm.ising"}


def test_quotas_are_quotas(seen):
    for quota in seen["quotas"]:
        assert {"dimension", "scope", "provider_id", "utilization", "holds", "limit", "period"} <= set(quota)
        assert quota["scope"] in {"Workspace", "Subscription"}


def test_jobs_are_listed_by_name_status_and_date(seen):
    listed = seen["listed"]
    submitted, bad = set(listed["submitted"]), listed["bad"]
    assert set(listed["named"]) == set(listed["recent"]) == submitted
    assert len(listed["named"]) == 5
    assert set(listed["succeeded"]) == submitted - {bad}
    assert bad in listed["failed"]
    assert listed["future"] == []
    assert all("rawOutputData" in line for line in listed["printed"])


def test_lists_go_on_past_a_page(seen):
    assert seen["paged"] == {"same": True, "count": 110, "costs": [best_cost("ising", SPINS)]}


def test_a_submit_that_is_repeated_makes_one_job(seen):
    repeated = seen["repeated"]
    assert len(set(repeated["ids"])) == 1
    assert repeated["status"] == "Succeeded"
    assert "ResourceExistsError" in repeated["other"]["classes"]


def test_files_are_attached_and_outputs_can_not_be_forged(seen):
    attached = seen["attached"]
    assert attached["content"] == "what I thought"
    assert "sig=" not in attached["url"]
    assert "ResourceExistsError" in attached["again"]["classes"]
    assert attached["as output"]["status"] == 403
    assert "ResourceNotFoundError" in attached["missing"]["classes"]


def test_jobs_that_execute_or_wait_are_cancelled(seen):
    cancelled = seen["cancelled"]
    assert cancelled["before"] == "Waiting"
    assert cancelled["answer"] == "Cancelled"
    assert cancelled["argument"] == ["Executing", "Executing"]  # the client leaves its argument as it was
    assert set(cancelled["statuses"]) == {"Cancelled"}
    assert cancelled["cancelled"]
    assert "RuntimeError" in cancelled["results"]["classes"]
    assert cancelled["again"] is None


def test_an_unknown_job_is_not_found(seen):
    for told in seen["unknown"]:
        assert "ResourceNotFoundError" in told["classes"]
        assert "c0ffee00" in told["message"]
