import gc
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kyanite import Status
from kyanite.config import LimitSettings, Settings
from kyanite.errors import InvalidRequest, JobNotFound, StoreOwned, WorkspaceClosed
from kyanite.sync import Workspace
from kyanite.sync.loop_thread import outcome
from tests.sync.places import SETTINGS, acme, executing, rows, start, workspace_in

THREADS, JOBS = 6, 5
OWNER = """
import sys
from kyanite.sync import Workspace
from kyanite.sync.loop_thread import outcome

with Workspace(data_dir="."):
    print("open", flush=True)
    sys.stdin.read()
"""


def loop_threads(folder):
    return [thread for thread in threading.enumerate() if thread.name == f"kyanite {folder}"]


def test_objects_for_the_same_workspace_share_what_runs(tmp_path):
    first, second = workspace_in(tmp_path), workspace_in(tmp_path)
    job = executing(first.submit("acme.endless", "x"))
    assert second.get_job(job.id).details.status is Status.EXECUTING
    assert len(loop_threads(tmp_path)) == 1
    second.close()
    job.refresh()
    assert job.details.status is Status.EXECUTING
    second = workspace_in(tmp_path)
    assert second.cancel_job(job.id).has_completed()
    first.close()
    assert second.count_jobs() == 1
    second.close()
    assert loop_threads(tmp_path) == []
    assert [row.status for row in rows(tmp_path)] == [Status.CANCELLED]


def test_an_object_that_was_dropped_holds_nothing_open(tmp_path):
    job_id = workspace_in(tmp_path).submit("acme.echo", "x").id
    gc.collect()
    with workspace_in(tmp_path) as workspace:
        assert workspace.get_job(job_id).get_results() == b"x"
    assert loop_threads(tmp_path) == []


def test_workspaces_of_two_names_do_not_mix(tmp_path):
    with workspace_in(tmp_path, name="one") as one, workspace_in(tmp_path, name="two words") as two:
        job = executing(one.submit("acme.endless", "x", name="job of one"))
        assert two.submit("acme.echo", "x").get_results() == b"x"
        assert [found.details.name for found in one.list_jobs()] == ["job of one"]
        with pytest.raises(JobNotFound):
            two.get_job(job.id)
        assert len(loop_threads(tmp_path)) == 1
        assert (one.name, two.name) == ("one", "two words")
        assert two.list_jobs()[0].details.workspace.startswith("two-words-")
    assert [row.name for row in rows(tmp_path, "one")] == ["job of one"]
    assert rows(tmp_path) == []


def test_folders_are_apart(tmp_path):
    with workspace_in(tmp_path / "a") as a, workspace_in(tmp_path / "b") as b:
        a.submit("acme.echo", "x").wait()
        assert (a.count_jobs(), b.count_jobs()) == (1, 0)


def test_the_folder_is_where_it_was_when_the_object_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workspace = workspace_in("jobs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with workspace, workspace_in("../jobs") as same:
        job = workspace.submit("acme.echo", "x")
        assert same.get_job(job.id).id == job.id
    assert (tmp_path / "jobs" / "jobs.sqlite").exists()


def test_other_settings_or_providers_are_refused_while_it_is_open(tmp_path):
    with workspace_in(tmp_path):
        other = Settings(limits=LimitSettings(cores=1))
        with pytest.raises(InvalidRequest, match="settings"):
            workspace_in(tmp_path, settings=other).count_jobs()
        assert workspace_in(tmp_path, providers=()).count_jobs() == 0
    with Workspace(settings=SETTINGS, data_dir=tmp_path), pytest.raises(InvalidRequest, match="providers"):
        workspace_in(tmp_path, providers=acme()).count_jobs()
    with workspace_in(tmp_path, settings=other) as workspace:
        assert workspace.count_jobs() == 0


def test_a_store_of_another_process_is_not_taken(tmp_path):
    owner = start(OWNER, tmp_path)
    with owner:
        assert owner.stdout.readline() == "open\n"
        workspace = workspace_in(tmp_path)
        with pytest.raises(StoreOwned, match=f"process {owner.pid}") as refusal:
            workspace.count_jobs()
        assert refusal.value.pid == owner.pid
        assert loop_threads(tmp_path) == []
        with workspace_in(tmp_path, read_only=True) as reader:
            assert reader.count_jobs() == 0
        owner.stdin.close()
    assert owner.returncode == 0
    with workspace:
        assert workspace.count_jobs() == 0


def test_what_fails_to_open_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Exception, match="file"):
        workspace_in(tmp_path / "file").count_jobs()
    assert loop_threads(tmp_path / "file") == []
    acme_twice = [*acme(), *acme()]
    with pytest.raises(InvalidRequest, match="target"):
        workspace_in(tmp_path / "twice", providers=acme_twice).count_jobs()
    assert loop_threads(tmp_path / "twice") == []


async def _end_of(opened, job_id):
    await (await opened.get_job(job_id)).wait()


def test_one_that_failed_is_opened_anew(tmp_path):
    async def breaking(opened):
        async def commit(writes):
            raise ArithmeticError("a fault in the store")

        opened.host.storage.store._storage.commit = commit

    workspace = workspace_in(tmp_path)
    first = workspace.submit("acme.echo", "x").wait()
    endless = executing(workspace.submit("acme.endless", "x"))
    waiting = workspace.spawn(lambda opened: _end_of(opened, endless.id))
    workspace.call(breaking)
    with pytest.raises(ArithmeticError):
        workspace.submit("acme.echo", "x")
    with pytest.raises(WorkspaceClosed):
        outcome(waiting)
    assert [job.id for job in workspace.list_jobs()] == [first.id, endless.id]
    assert workspace.cancel_job(endless).details.status is Status.CANCELLED
    workspace.close()
    assert loop_threads(tmp_path) == []


def test_many_threads_call_at_once(tmp_path):
    barrier = threading.Barrier(THREADS)

    def work(number):
        workspace = workspace_in(tmp_path)
        barrier.wait()
        jobs = [workspace.submit("acme.echo", {"n": [number, at]}) for at in range(JOBS)]
        return [job.get_results()["n"] for job in jobs]

    with workspace_in(tmp_path) as workspace:
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(work, range(THREADS)))
        assert answers == [[[number, at] for at in range(JOBS)] for number in range(THREADS)]
        assert workspace.count_jobs(status="succeeded") == THREADS * JOBS
        assert len(loop_threads(tmp_path)) == 1


def test_closing_ends_the_calls_of_other_threads(tmp_path):
    workspace = workspace_in(tmp_path)
    job = executing(workspace.submit("acme.endless", "x"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(job.wait)
        workspace.close()
        with pytest.raises(WorkspaceClosed):
            waiting.result()


def test_a_forked_child_does_not_use_what_its_parent_has_open(tmp_path):
    with workspace_in(tmp_path) as workspace:
        workspace.count_jobs()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                workspace.count_jobs()
            except WorkspaceClosed as error:
                os.write(writing, str(error).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert f"open in process {os.getpid()}" in pipe.read()
        assert workspace.count_jobs() == 0


async def test_it_works_where_an_event_loop_runs_already(tmp_path):
    for _ in range(3):  # a cell that is executed again
        workspace = workspace_in(tmp_path)
        job = workspace.submit("acme.echo", {"cell": 1})
    assert job.get_results() == {"cell": 1}
    assert workspace.count_jobs() == 3
    workspace.close()
