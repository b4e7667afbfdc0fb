from datetime import UTC, datetime, timedelta

from kyanite.core.job import Status
from kyanite.http.azure.status import target_status
from kyanite.http.service import State
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeClock
from tests.http.azure.places import ANNEALING, NEW, OLD, a_row, asked, offering, serving, with_rows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def waited(number, seconds, **fields):
    begun = NOW - timedelta(hours=1)
    fields = {"status": Status.SUCCEEDED, "begin_execution_time": begun} | fields
    return a_row(number, creation_time=begun - timedelta(seconds=seconds), **fields)


async def test_every_target_is_listed_under_its_provider():
    async with offering() as workspace, serving(workspace) as client:
        for path in (OLD, NEW):
            status, answer = await asked(client, "GET", f"{path}/providerStatus")
            listed = {provider["id"]: [target["id"] for target in provider["targets"]] for provider in answer["value"]}
            assert (status, answer["nextLink"]) == (200, None)
            assert listed == {
                "1qbit": ["1qbit.tabu"],
                "Microsoft": [ANNEALING, "microsoft.tabu-parameterfree.cpu"],
                "acme": ["acme.echo", "acme.fails", "acme.holds"],
                "ionq": ["ionq.simulator"],
            }
            assert {provider["currentAvailability"] for provider in answer["value"]} == {"Available"}


async def test_a_daemon_that_is_about_to_end_is_not_available():
    async with offering() as workspace, serving(workspace, state=State(draining=True)) as client:
        _, answer = await asked(client, "GET", f"{NEW}/providerStatus")
        assert {target["currentAvailability"] for one in answer["value"] for target in one["targets"]} == {
            "Unavailable"
        }


async def test_the_queue_time_is_what_the_newest_jobs_waited_or_wait_by_now():
    rows = [
        waited(1, 10),
        waited(2, 31, priority=5),
        waited(3, 1000, status=Status.CANCELLED, begin_execution_time=None),
        waited(4, 7, target="ionq.simulator"),
        a_row(5, creation_time=NOW - timedelta(seconds=100)),
    ]
    store = await with_rows(MemoryStore(), rows)
    async with offering(store=store, drive=False, clock=FakeClock(NOW)) as workspace, serving(workspace) as client:
        _, answer = await asked(client, "GET", f"{NEW}/providerStatus")
        found = {target["id"]: target for provider in answer["value"] for target in provider["targets"]}
        assert found["acme.echo"] == {
            "id": "acme.echo",
            "currentAvailability": "Available",
            "averageQueueTime": 47,
            "averageQueueTimeHighPriority": 31,
            "averageQueueTimeStandardPriority": 55,
            "statusPage": None,
            "numQubits": None,
            "targetProfile": None,
            "metadata": None,
        }
        assert found["ionq.simulator"]["averageQueueTime"] == 7
        assert found["acme.holds"]["averageQueueTime"] == 0


def test_a_clock_that_was_set_back_makes_no_time_negative():
    row = a_row(1, creation_time=NOW + timedelta(seconds=5))
    assert target_status("acme.echo", "Available", [row], NOW)["averageQueueTime"] == 0


async def test_quotas_are_what_is_configured_and_in_use():
    rows = [a_row(number, status=Status.EXECUTING if number < 3 else Status.WAITING) for number in range(7)]
    store = await with_rows(MemoryStore(), rows)
    async with offering(store=store, drive=False) as workspace, serving(workspace) as client:
        for path in (f"{OLD}/quotas", f"{NEW}/quotas"):
            status, answer = await asked(client, "GET", path)
            assert (status, answer["nextLink"]) == (200, None)
            shared = {"scope": "Workspace", "holds": 0, "period": "None"}
            cores = {"dimension": "concurrent_cpu_jobs", "providerId": "Microsoft", "utilization": 3, "limit": 4.0}
            queue = {"dimension": "waiting_jobs", "providerId": "kyanite", "utilization": 4, "limit": 2_000_000}
            assert answer["value"] == [cores | shared, queue | shared]


async def test_usages_are_the_jobs_of_each_target():
    rows = [a_row(number, status=Status.EXECUTING if number < 3 else Status.WAITING) for number in range(7)]
    store = await with_rows(MemoryStore(), rows)
    async with offering(store=store, drive=False, clock=FakeClock(NOW)) as workspace, serving(workspace) as client:
        status, answer = await asked(client, "GET", f"{NEW}/quotaUsages")
        usages = {usage["targetId"]: usage for usage in answer["value"]}
        assert (status, usages.keys()) == (200, {target.id for target in workspace.targets()})
        assert usages["acme.echo"] == {
            "providerId": "acme",
            "scope": "WorkspaceTarget",
            "targetId": "acme.echo",
            "usage": {"executingJobs": 3, "waitingJobs": 4},
            "lastModifiedTime": "2026-11-21T12:00:00Z",
        }
        assert usages[ANNEALING]["usage"] == {"executingJobs": 0, "waitingJobs": 0}
