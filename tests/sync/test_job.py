import io
import json
import sys
from concurrent.futures import Future

import pytest

from kyanite import Began, JobCancelled, JobFailed, Progressed, Submitted, Succeeded
from kyanite.errors import IdConflict, InvalidRequest, JobNotFound, UnknownTarget, WorkspaceClosed
from kyanite.results import Results
from kyanite.sync import Job
from kyanite.sync.dots import print_dots
from tests.sync.places import executing, workspace_in

SOLVED = {"solutions": [{"configuration": {"0": 1}, "cost": -9.0}]}


def test_a_failed_job_has_no_results(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.fail", "x", name="hopeless")
        story = r"(?s)hopeless.*failed with AZQ102: terms are missing.*Submitted"
        with pytest.raises(RuntimeError, match=story) as failure:
            job.get_results()
        assert isinstance(failure.value, JobFailed)
        assert job.details.error_data.code == "AZQ102"
        with pytest.raises(LookupError):
            job.read_results()


def test_a_cancelled_job_has_no_results(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = executing(workspace.submit("acme.endless", "x")).cancel()
        with pytest.raises(RuntimeError) as failure:
            job.get_results()
        assert isinstance(failure.value, JobCancelled)


def test_waiting_ends_in_time_and_the_job_goes_on(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = executing(workspace.submit("acme.endless", "x"))
        with pytest.raises(TimeoutError, match=f"{job.id} has not ended after 0.01 s"):
            job.wait_until_completed(timeout_secs=0.01)
        with pytest.raises(TimeoutError):
            job.get_results(timeout_secs=0)
        assert not job.has_completed()
        assert job.cancel().has_completed()


def test_a_job_tells_its_story_as_it_happens(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x")
        events = [update for update in job.updates() if not isinstance(update, Progressed)]
        assert [type(event) for event in events] == [Submitted, Began, Succeeded]
        assert tuple(events) == job.story()


def test_updates_that_nobody_reads_on_are_dropped(tmp_path):
    workspace = workspace_in(tmp_path)
    with workspace:
        updates = workspace.submit("acme.endless", "x").updates()
        assert isinstance(next(updates), Submitted)
        updates.close()
        left = workspace.submit("acme.endless", "x").updates()
        next(left)
    with pytest.raises(WorkspaceClosed):
        next(left)


def test_labels_can_be_changed(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x").amend(name="renamed", tags=["new"])
        assert (job.details.name, job.details.tags) == ("renamed", ("new",))
        with pytest.raises(InvalidRequest, match="priority"):
            job.wait().amend(priority=1)


def test_jobs_are_made_in_the_ways_of_the_sdk(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job_id = Job.create_job_id()
        job = Job.from_input_data(
            workspace,
            "raw",
            "acme.echo",
            b'{"a": 1}',
            "application/json",
            encoding="gzip",
            container_name="anywhere",
            job_id=job_id,
            provider_id="Acme",
            input_data_format="json",
            input_params={"p": 1},
            metadata={"m": "1"},
        )
        assert (job.id, job.details.name, job.details.input_params) == (job_id, "raw", {"p": 1})
        assert (job.details.input_data_format, job.details.metadata) == ("json", {"m": "1"})
        assert job.get_results() == {"a": 1}
        uri = job.details.input_data_uri
        stored = Job.from_storage_uri(workspace, "again", "acme.echo", uri, "Acme", "json", "json")
        assert stored.get_results() == job.get_results()
        later = Job.from_storage_uri(workspace, "later", "acme.echo", uri, "Acme", "json", "json", submit_job=False)
        assert not later.has_completed()
        with pytest.raises(JobNotFound):
            later.refresh()
        later.submit()
        assert (later.get_results(), later.details.name) == (job.get_results(), "later")
        with pytest.raises(TypeError):
            Job.from_input_data(workspace, "raw", "acme.echo", b"x", prioriti=1)


def test_a_submitted_job_is_not_submitted_twice(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x", input_params={"p": 1}, tags=["t"]).wait()
        assert workspace.submit_job(job).details == job.details
        job.submit()
        assert workspace.count_jobs() == 1
        with pytest.raises(IdConflict):
            workspace.submit("acme.echo", "y", job_id=job.id)


def test_solutions_are_results(tmp_path):
    with workspace_in(tmp_path) as workspace:
        results = workspace.submit("acme.echo", SOLVED).get_results()
        assert isinstance(results, Results)
        assert results == SOLVED
        assert (str(results), json.dumps(results)) == (str(SOLVED), json.dumps(SOLVED))


class Screen(io.StringIO):
    """Where a job ends as soon as three dots are printed."""

    def __init__(self, ending):
        super().__init__()
        self.ending = ending

    def write(self, text):
        super().write(text)
        if self.getvalue() == "...":
            self.ending.set_result(None)


def test_dots_show_that_it_waits(monkeypatch):
    ending = Future()
    screen = Screen(ending)
    monkeypatch.setattr(sys, "stdout", screen)
    print_dots(ending, 0.001)
    assert screen.getvalue() == "...\n"


def test_nothing_is_printed_for_what_has_ended(capsys, tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x")
        job.wait()
        job.wait_until_completed()
        job.get_results()
        with pytest.raises(TimeoutError):
            workspace.submit("acme.endless", "x").wait_until_completed(timeout_secs=0.3, print_progress=False)
    assert capsys.readouterr().out == ""


def test_targets_are_found_by_name_and_provider(tmp_path):
    with workspace_in(tmp_path) as workspace:
        workspace.submit("acme.echo", "x").wait()
        target = workspace.get_targets("ACME.echo")
        assert (target.name, target.provider_id, target.current_availability) == ("acme.echo", "acme", "Available")
        assert target.average_queue_time >= 0
        assert target.submit({"x": 1}, "through the target", {"p": 1}, tags=["t"]).get_results() == {"x": 1}
        named = [found.name for found in workspace.get_targets(provider_id="Acme")]
        assert named == ["acme.echo", "acme.endless", "acme.fail"]
        assert workspace.get_targets("nobody.nothing") == []
        assert any("microsoft" in found.name for found in workspace.get_targets())
        target.name = "acme.gone"
        with pytest.raises(ValueError, match=r"acme\.gone"):
            target.refresh()
        assert target.current_availability == "Unavailable"
        with pytest.raises(UnknownTarget):
            target.submit("x")


def test_quotas_are_slots(tmp_path):
    with workspace_in(tmp_path) as workspace:
        executing(workspace.submit("acme.endless", "x"))
        quota = next(quota for quota in workspace.get_quotas() if quota["provider_id"] == "acme")
        assert (quota["utilization"], quota["limit"]) == (1.0, 64.0)
        assert (quota["scope"], quota["period"]) == ("Workspace", "None")


def test_attachments_lie_beside_the_job(tmp_path):
    with workspace_in(tmp_path) as workspace:
        job = workspace.submit("acme.echo", "x")
        uri = job.upload_attachment("notes", b"read me")
        assert uri == f"{job.details.container_uri}/notes"
        assert workspace.download(uri) == job.download_attachment("notes") == b"read me"
        assert job.download_attachment("notes", job.details.container_uri) == b"read me"
        assert [blob.size for blob in job.list_attachments()] == [7]
        for elsewhere in ("kyanite:///default/other", ""):
            with pytest.raises(InvalidRequest, match="container_uri"):
                job.upload_attachment("notes", b"x", elsewhere)
            with pytest.raises(InvalidRequest, match="container_uri"):
                job.download_attachment("notes", elsewhere)
