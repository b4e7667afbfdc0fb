from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.job import FINAL, Status
from kyanite.core.session import JobFailurePolicy, Session, SessionDetails, SessionStatus, Tally, derived

START = datetime(2026, 1, 1, tzinfo=UTC)
BEGUN, ENDED, CLOSED = (START + timedelta(minutes=minutes) for minutes in (1, 5, 9))
OPEN = Session(id="s", name="a session", provider_id="acme", creation_time=START)

tallies = st.dictionaries(st.sampled_from([status.value for status in Status]), st.integers(0, 3)).map(
    lambda jobs: Tally(jobs, BEGUN, ENDED)
)
sessions = st.builds(
    lambda policy, closed: msgspec.structs.replace(OPEN, job_failure_policy=policy, closed_time=closed),
    st.sampled_from(JobFailurePolicy),
    st.sampled_from([None, CLOSED]),
)


def standing(jobs, *, closed=False, policy="Abort"):
    session = msgspec.structs.replace(
        OPEN, closed_time=CLOSED if closed else None, job_failure_policy=JobFailurePolicy(policy)
    )
    return derived(session, Tally(jobs, BEGUN if jobs else None, ENDED if jobs else None))


@pytest.mark.parametrize(
    ("jobs", "policy", "while_open", "when_closed"),
    [
        ({}, "Abort", "Waiting", "Succeeded"),
        ({"Waiting": 1}, "Abort", "Executing", "Executing"),
        ({"Succeeded": 2}, "Abort", "Executing", "Succeeded"),
        ({"Succeeded": 2, "Cancelled": 1}, "Abort", "Executing", "Succeeded"),
        ({"Succeeded": 2, "Executing": 1}, "Abort", "Executing", "Executing"),
        ({"Succeeded": 2, "Failed": 1}, "Abort", "Failed", "Failed"),
        ({"Executing": 2, "Failed": 1}, "Abort", "Failed", "Failed"),
        ({"Succeeded": 2, "Failed": 1}, "Continue", "Executing", "Succeeded"),
        ({"Waiting": 2, "Failed": 1}, "Continue", "Executing", "Executing"),
        ({"Failed": 0}, "Abort", "Waiting", "Succeeded"),
    ],
)
def test_the_status_follows_from_the_jobs(jobs, policy, while_open, when_closed):
    assert standing(jobs, policy=policy).status == while_open
    assert standing(jobs, policy=policy, closed=True).status == when_closed


def test_a_session_ends_with_the_last_of_its_jobs():
    assert standing({"Succeeded": 1}).begin_execution_time == BEGUN
    assert standing({"Succeeded": 1}).end_execution_time is None
    assert standing({"Succeeded": 1}, closed=True).end_execution_time == ENDED
    assert standing({"Failed": 1}).end_execution_time == ENDED
    assert standing({"Failed": 1, "Executing": 1}, closed=True).end_execution_time is None


def test_one_without_jobs_ends_when_it_is_closed():
    empty = standing({}, closed=True)
    assert (empty.begin_execution_time, empty.end_execution_time) == (None, CLOSED)


@given(sessions, tallies)
def test_it_ends_once_it_takes_no_more_and_all_jobs_have_ended(session, tally):
    details = derived(session, tally)
    unfinished = any(count for status, count in tally.jobs.items() if Status(status) not in FINAL)
    takes_more = session.closed_time is None and details.status is not SessionStatus.FAILED
    assert (details.end_execution_time is None) == (unfinished or takes_more)
    if details.status is SessionStatus.SUCCEEDED:
        assert details.end_execution_time is not None


@given(sessions, tallies)
def test_a_failed_job_fails_a_session_under_abort_and_no_other(session, tally):
    failed = bool(tally.jobs.get("Failed")) and session.job_failure_policy is JobFailurePolicy.ABORT
    assert (derived(session, tally).status is SessionStatus.FAILED) == failed


@given(sessions, tallies)
def test_the_record_is_kept_as_it_is(session, tally):
    details = derived(session, tally)
    assert isinstance(details, SessionDetails)
    assert all(getattr(details, field) == getattr(session, field) for field in session.__struct_fields__)
    assert msgspec.json.decode(msgspec.json.encode(session), type=Session) == session
