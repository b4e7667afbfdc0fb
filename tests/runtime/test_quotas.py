"""What a workspace may have: each bound at the limit and one beyond, and what is in use beside a recount."""

from contextlib import asynccontextmanager

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import QuotaSettings, Settings, WorkspaceSettings
from kyanite.core.job import JobDetails, Status
from kyanite.errors import QuotaExceeded
from kyanite.runtime.quotas import Quotas, Usage
from kyanite.runtime.records import Change
from kyanite.testing.clocks import FakeClock


@asynccontextmanager
async def quotas(settings=None, blobs=None, clock=None, **bounds):
    """The quotas of an engine; `bounds` are those of the workspace "team"."""
    blobs = blobs or MemoryBlobs()
    await blobs.open()
    chosen = settings or Settings(workspaces={"team": WorkspaceSettings(**bounds)})
    async with anyio.create_task_group() as tasks:
        yield Quotas(chosen, blobs, clock or FakeClock(), tasks)
        tasks.cancel_scope.cancel()


def a_job(job_id="1", status=Status.WAITING, workspace="team"):
    return JobDetails(
        id=job_id, name="n", provider_id="acme", target="acme.echo", workspace=workspace, status=status,
        container_uri="", input_data_uri="", creation_time=FakeClock().now(),
    )  # fmt: skip


def change(before, after):
    return Change(before, after, (), 1)


async def test_jobs_that_have_not_ended_are_bounded():
    async with quotas(open_jobs_max=3) as all_quotas:
        all_quotas.begin("team", open_jobs=1)
        quota = all_quotas.of("team")
        for job_id in ("2", "3"):
            quota.admit(job_id)
        with pytest.raises(QuotaExceeded, match=r"1 jobs of 'team' are open; quota.open_jobs_max is 3") as told:
            quota.admit("4")
        assert told.value.retry_after_s > 0
        waiting = a_job("2")
        all_quotas.recorded(change(None, waiting))
        quota.leave("2")
        with pytest.raises(QuotaExceeded):
            quota.admit("4")
        executing = replace(waiting, status=Status.EXECUTING)
        all_quotas.recorded(change(waiting, executing))
        assert quota.open_jobs == 2
        ended = replace(executing, status=Status.SUCCEEDED)
        all_quotas.recorded(change(executing, ended))
        all_quotas.recorded(change(ended, replace(ended, name="renamed")))
        assert quota.open_jobs == 1
        quota.admit("4")
        quota.leave("3")  # it came to nothing
        quota.admit("5")
        with pytest.raises(QuotaExceeded):
            quota.admit("6")


async def test_the_same_job_submitted_twice_at_once_takes_one_place():
    async with quotas(open_jobs_max=1) as all_quotas:
        quota = all_quotas.of("team")
        quota.admit("1")
        quota.admit("1")
        quota.leave("1")
        with pytest.raises(QuotaExceeded):
            quota.admit("2")
        quota.leave("1")
        quota.admit("2")


async def test_what_other_workspaces_have_is_no_matter():
    async with quotas(open_jobs_max=1) as all_quotas:
        all_quotas.recorded(change(None, a_job(workspace="unheard of")))
        all_quotas.begin("other", open_jobs=5)
        all_quotas.recorded(change(None, a_job(workspace="other")))
        all_quotas.of("team").admit("1")
        assert (all_quotas.of("other").open_jobs, all_quotas.of("team").open_jobs) == (6, 0)


async def test_submits_are_paced_and_a_refusal_says_for_how_long():
    clock = FakeClock()
    async with quotas(clock=clock, submits_per_s=4.0) as all_quotas:
        quota = all_quotas.of("team")
        for number in range(10):
            quota.admit(str(number))
        with pytest.raises(QuotaExceeded, match=r"'team' submits too often; quota.submits_per_s is 4") as told:
            quota.admit("10")
        assert told.value.retry_after_s == 0.25
        clock.jump(3600)  # the wall clock means nothing
        with pytest.raises(QuotaExceeded):
            quota.admit("10")
        clock.advance(0.25)
        quota.admit("10")
        for number in range(10_000):
            all_quotas.of("other").admit(str(number))


async def test_a_submit_refused_for_its_place_costs_no_turn():
    async with quotas(open_jobs_max=1, submits_per_s=1.0) as all_quotas:
        quota = all_quotas.of("team")
        for _ in range(9):
            quota.admit("1")
            quota.leave("1")
        quota.admit("1")
        for _ in range(5):
            with pytest.raises(QuotaExceeded, match="open_jobs_max"):
                quota.admit("2")
        quota.leave("1")
        with pytest.raises(QuotaExceeded, match="submits_per_s"):
            quota.admit("2")


async def test_readers_of_events_are_bounded():
    async with quotas(event_streams_max=2) as all_quotas:
        quota = all_quotas.of("team")
        with quota.stream(), quota.stream():
            with (
                pytest.raises(QuotaExceeded, match=r"2 read events of 'team'; quota.event_streams_max is 2"),
                quota.stream(),
            ):
                pass
            assert quota.event_streams == 2
        with pytest.raises(KeyError), quota.stream():
            raise KeyError
        assert quota.event_streams == 0


async def test_bytes_are_bounded_and_outputs_are_not():
    blobs = MemoryBlobs()
    async with quotas(blobs=blobs, stored_bytes_max=10) as all_quotas:
        await blobs.put("team/job-0/inputData", b"123")
        all_quotas.begin("team", open_jobs=0)
        await all_quotas.bounded.put("team/job-1/inputData", b"1234567")
        with pytest.raises(QuotaExceeded, match="stored_bytes_max is 10"):
            await all_quotas.bounded.put("team/job-2/inputData", b"1")
        await all_quotas.counted.put("team/job-1/outputData", b"1234567")
        assert all_quotas.of("team").usage().stored_bytes == 17
        await all_quotas.bounded.delete(["team/job-1/outputData", "team/job-0/inputData"])
        await all_quotas.bounded.put("team/job-2/inputData", b"123")


async def test_usage_says_what_there_is_and_may_be():
    async with quotas(stored_bytes_max=10, submits_per_s=2.5) as all_quotas:
        all_quotas.begin("team", open_jobs=4)
        quota = all_quotas.of("team")
        with quota.stream():
            usage = quota.usage()
        assert usage == Usage(
            workspace="team",
            open_jobs=4,
            open_jobs_max=1_000_000,
            stored_bytes=None,  # not counted yet
            stored_bytes_max=10,
            submits_per_s=2.5,
            event_streams=1,
            event_streams_max=10_000,
        )
        await all_quotas.bounded.put("team/c/1", b"1234")
        assert quota.usage().stored_bytes == 4
        assert all_quotas.of("other").usage().stored_bytes is None


async def test_other_bounds_hold_from_the_moment_they_are_read():
    blobs = MemoryBlobs()
    async with quotas(blobs=blobs, open_jobs_max=1, submits_per_s=0.5) as all_quotas:
        quota = all_quotas.of("team")
        for _ in range(10):
            quota.admit("1")
        await all_quotas.bounded.put("team/c/1", b"12345")
        all_quotas.replace(Settings(quota=QuotaSettings(stored_bytes_max=6, open_jobs_max=2)))
        quota.admit("1")
        quota.admit("2")
        with pytest.raises(QuotaExceeded):
            quota.admit("3")
        with pytest.raises(QuotaExceeded):
            await all_quotas.bounded.put("team/c/2", b"12")
        all_quotas.replace(Settings(quota=QuotaSettings(stored_bytes_max=7)))
        await all_quotas.bounded.put("team/c/2", b"12")
        assert quota.usage().stored_bytes == 7
        all_quotas.replace(Settings())
        assert quota.usage().stored_bytes is None
        await all_quotas.bounded.put("team/c/3", b"1234567890")
        all_quotas.replace(Settings(workspaces={"team": WorkspaceSettings(stored_bytes_max=17)}))
        with pytest.raises(QuotaExceeded):
            await all_quotas.bounded.put("team/c/4", b"1")
        assert quota.usage().stored_bytes == 17


STEPS = st.lists(
    st.tuples(st.sampled_from(["submit", "fail", "begin", "end", "amend"]), st.integers(0, 5)), max_size=60
)


@given(STEPS, st.integers(1, 4))
async def test_open_jobs_are_what_a_recount_finds(steps, most):
    rows = {}
    async with quotas(open_jobs_max=most) as all_quotas:
        quota = all_quotas.of("team")
        for action, number in steps:
            row = rows.get(number)
            recount = sum(not row.final for row in rows.values())
            assert quota.open_jobs == recount
            if action in {"submit", "fail"} and row is None:
                try:
                    quota.admit(str(number))
                except QuotaExceeded:
                    assert recount == most
                    continue
                assert recount < most
                if action == "submit":
                    rows[number] = a_job(str(number))
                    all_quotas.recorded(change(None, rows[number]))
                quota.leave(str(number))
            elif row is not None and not row.final:
                status = {"begin": Status.EXECUTING, "end": Status.FAILED}.get(action, row.status)
                rows[number] = replace(row, status=status)
                all_quotas.recorded(change(row, rows[number]))
