import inspect
import re
from datetime import UTC, date, datetime, timedelta

import pytest

import kyanite
from kyanite import Status
from kyanite.errors import (
    InvalidRequest,
    JobNotFound,
    ReadOnly,
    SessionClosed,
    SessionNotFound,
    UnknownTarget,
    WorkspaceClosed,
)
from kyanite.sync import Job, JobStatus, Workspace
from kyanite.sync.filters import start_of_day
from tests.sync.places import SETTINGS, executing, rows, workspace_in

SECRET = "DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0"


def test_arguments_stand_where_the_sdk_has_them():
    names = list(inspect.signature(Workspace).parameters)
    assert names[:8] == [
        "subscription_id",
        "resource_group",
        "name",
        "storage",
        "resource_id",
        "location",
        "credential",
        "user_agent",
    ]


def test_what_means_nothing_here_is_kept_and_shown_to_nobody(tmp_path):
    credential = object()
    workspace = Workspace("sub", "group", "ws", SECRET, None, "West US", credential, "agent", data_dir=tmp_path / "new")
    assert workspace.login() is credential
    assert (workspace.subscription_id, workspace.resource_group, workspace.name) == ("sub", "group", "ws")
    assert (workspace.location, workspace.storage, workspace.user_agent) == ("westus", SECRET, "agent")
    workspace.append_user_agent("plugin")
    workspace.append_user_agent("plugin")
    assert workspace.user_agent == "agent-plugin"
    assert SECRET not in repr(workspace)
    assert not (tmp_path / "new").exists()


def test_no_secret_is_stored(tmp_path):
    with workspace_in(tmp_path, storage=SECRET, credential=SECRET) as workspace:
        assert workspace.submit("acme.echo", "hello").get_results() == b"hello"
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored
    assert not any(SECRET.encode() in path.read_bytes() for path in stored)


def test_a_job_goes_from_submit_to_result(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", {"x": [1, 2.5]}, name="first", tags=["t"], input_params={"a": 1})
        assert isinstance(job, Job)
        assert job.details.status == JobStatus.WAITING == "Waiting"
        assert not job.has_completed()
        assert job.get_results() == {"x": [1, 2.5]}
        assert job.has_completed()
        assert (job.details.status, job.details.provider_id) == ("Succeeded", "acme")
        assert job.details.begin_execution_time <= job.details.end_execution_time
        again = workspace.get_job(job.id)
        assert again.details == job.details
        assert again.container_name == f"job-{job.id}"
        assert workspace.get_container_uri(job.id) == job.details.container_uri
        assert job.id in repr(job)
        with pytest.raises(JobNotFound):
            workspace.get_job("nobody")
        with pytest.raises(UnknownTarget):
            workspace.submit("acme.ecko", "x")


def test_jobs_are_found_by_name_status_and_day(tmp_path):
    with workspace_in(tmp_path) as workspace:
        for name in ("Ship loading 1", "Ship loading 2", "Two rooms"):
            workspace.submit("acme.echo", "x", name=name, tags=["even"] if name.endswith("2") else []).wait()
        failed = workspace.submit("acme.fail", "x", name="Ship lost").wait()

        def names(*arguments, **options):
            return [job.details.name for job in workspace.list_jobs(*arguments, **options)]

        assert names() == ["Ship loading 1", "Ship loading 2", "Two rooms", "Ship lost"]
        assert names("loading [0-9]$") == names(name_match="load") == ["Ship loading 1", "Ship loading 2"]
        assert names("Ship", JobStatus.FAILED) == names(status="failed") == ["Ship lost"]
        assert names(created_after=datetime.now().astimezone()) == names()
        assert names(None, None, date.today()) == names()  # noqa: DTZ011  # the SDK's users write this
        assert names(created_after=datetime.now(UTC) + timedelta(days=2)) == []
        assert names(tag="even") == ["Ship loading 2"]
        assert names("Ship", limit=2, descending=True) == ["Ship lost", "Ship loading 2"]
        assert workspace.count_jobs(status="succeeded") == 3
        assert failed.matches_filter("^Ship", JobStatus.FAILED, failed.details.creation_time)
        assert not failed.matches_filter("^ship")
        assert not failed.matches_filter(status="Waiting")
        with pytest.raises(InvalidRequest, match="status"):
            workspace.list_jobs(status="lost")
        with pytest.raises(InvalidRequest, match="status"):
            failed.matches_filter(status="lost")
        with pytest.raises(re.error):
            workspace.list_jobs("(")


def test_a_day_begins_at_the_midnight_of_this_machine():
    evening = datetime(2022, 5, 17, 23, 30, tzinfo=UTC)
    assert start_of_day(evening) == start_of_day(date(2022, 5, 17)) == datetime(2022, 5, 17).astimezone()
    assert start_of_day(evening).tzinfo is not None


def test_a_cancelled_job_shows_it(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = executing(workspace.submit("acme.endless", "x"))
        assert workspace.cancel_job(job, "no longer needed") is job
        assert job.details.status is Status.CANCELLED
        assert "no longer needed" in str(job.story())
        other = executing(workspace.submit("acme.endless", "x"))
        assert workspace.cancel_job(other.id).details.status == "Cancelled"
        assert not other.has_completed()
        other.refresh()
        assert other.has_completed()


def test_what_is_uploaded_can_be_submitted_and_downloaded(tmp_path):
    with workspace_in(tmp_path) as workspace:
        uri = workspace.upload("shared", container="inputs")
        job = workspace.submit("acme.echo", input_data_uri=uri)
        assert job.get_results() == b"shared"
        assert workspace.download(uri) == job.download_data(job.details.output_data_uri) == b"shared"
        assert job.download(tmp_path / "output").read_text() == "shared"
        assert workspace.get_container_uri(container_name="inputs") == uri.rpartition("/")[0]
        assert workspace.get_container_uri() == "kyanite:///default/default-data"


def test_an_ended_job_can_be_deleted(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x").wait()
        assert workspace.delete_job(job)
        with pytest.raises(JobNotFound):
            job.refresh()


def test_closed_is_closed_until_entered_again(tmp_path):
    workspace = workspace_in(tmp_path)
    with workspace:
        job = workspace.submit("acme.echo", "x").wait()
    workspace.close()
    with pytest.raises(WorkspaceClosed, match="close"):
        workspace.get_job(job.id)
    with workspace:
        assert workspace.get_job(job.id).get_results() == b"x"
    assert [row.id for row in rows(tmp_path)] == [job.id]


def test_one_that_was_never_used_closes(tmp_path):
    workspace_in(tmp_path / "unused").close()
    assert not (tmp_path / "unused").exists()


def test_the_asynchronous_one_is_within_reach(tmp_path):
    with Workspace.open(SETTINGS, data_dir=tmp_path) as workspace:

        async def doubled(opened: kyanite.Workspace):
            @opened.target("acme.double")
            async def double(task):
                return 2 * await task.read_input()

        workspace.call(doubled)
        assert workspace.submit("acme.double", "ab").get_results() == b"abab"


def test_a_call_that_would_wait_for_itself_is_refused(tmp_path):
    with workspace_in(tmp_path) as workspace:

        async def inside(_):
            workspace.count_jobs()

        with pytest.raises(RuntimeError, match="wait for itself"):
            workspace.call(inside)
        assert workspace.count_jobs() == 0


def test_read_only_beside_the_owner(tmp_path):
    with workspace_in(tmp_path) as owner, workspace_in(tmp_path, read_only=True) as reader:
        job = owner.submit("acme.echo", "x")
        assert reader.get_job(job.id).get_results() == b"x"
        with pytest.raises(ReadOnly):
            reader.submit("acme.echo", "x")


def test_sessions_as_in_the_asynchronous_face(tmp_path):
    with workspace_in(tmp_path) as workspace:
        session = workspace.open_session("acme.echo", name="mine", job_failure_policy="Continue")
        assert (session.status, session.name) == ("Waiting", "mine")
        job = workspace.submit("acme.echo", "x", session_id=session.id)
        job.get_results()
        assert [found.id for found in workspace.list_jobs(session_id=session.id)] == [job.id]
        assert workspace.get_session(session.id).status == "Executing"
        closed = workspace.close_session(session.id)
        assert (closed.status, closed.end_execution_time) == ("Succeeded", job.details.end_execution_time)
        assert workspace.list_sessions(name_prefix="m") == [closed]
        assert workspace.list_sessions(provider="other") == []
        with pytest.raises(SessionClosed):
            workspace.submit("acme.echo", "y", session_id=session.id)
        with pytest.raises(SessionNotFound):
            workspace.get_session("nobody")


def test_a_job_that_was_only_described_is_submitted_into_its_session(tmp_path):
    with workspace_in(tmp_path) as workspace:
        session = workspace.open_session("acme.echo")
        job = Job.from_storage_uri(
            workspace, "later", "acme.echo", workspace.upload("x"), session_id=session.id, submit_job=False
        )
        job.submit()
        assert workspace.get_job(job.id).details.session_id == session.id
