"""Jobs of a daemon whose answers are late, lost, or not as before."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import msgspec
import pytest
from aiohttp import web

from kyanite import Began, JobDetails, Progressed, Status, Succeeded
from kyanite.client import jobs as client_jobs
from kyanite.client.endings import Endings
from kyanite.client.jobs import Jobs
from kyanite.client.submission import Submission
from kyanite.client.targets import Targets
from kyanite.core.events import EPOCH
from kyanite.core.job import Target
from kyanite.errors import BlobExists, IdConflict, JobNotFound, PreconditionFailed, Unreachable
from kyanite.ports import Request
from tests.client.fake import faked, gone, json, raw, ready, refused, silent, streamed, told


def row(**fields):
    return JobDetails(
        **{
            "id": "x",
            "name": "x",
            "provider_id": "acme",
            "target": "acme.echo",
            "container_uri": "kyanite:///default/job-x",
            "input_data_uri": "kyanite:///default/job-x/inputData",
            "creation_time": EPOCH,
        }
        | fields
    )


ENDED = row(status=Status.SUCCEEDED)
END = told(Succeeded(job_id="x", position=8, output_data_uri="u", output_hash="h", output_size=1))


@asynccontextmanager
async def jobs_of(**options):
    """A daemon, and the jobs that it is asked for."""
    async with faked(**options) as (daemon, opened), anyio.create_task_group() as group:
        targets = Targets([Target(id="acme.echo", provider_id="acme", inspects=True)])
        daemon.on("GET", "/v1/events", streamed(ready(7), end="open"))
        yield daemon, Jobs(opened, "default", Endings(opened, group), targets, timedelta(hours=1)), opened
        group.cancel_scope.cancel()


async def test_an_end_while_the_row_is_fetched_is_not_missed():
    async with jobs_of() as (daemon, jobs, _):
        asked = anyio.Event()

        async def waiting(request):
            asked.set()
            await heard.wait()
            return await json(row())(request)

        heard = anyio.Event()

        async def final_event(request):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(ready(7))
            await asked.wait()
            await response.write(END)
            heard.set()
            await anyio.sleep_forever()

        daemon.on("GET", "/v1/events", final_event)
        daemon.on("GET", "/v1/jobs/x", waiting, json(ENDED))
        assert (await jobs.final("x", 10)).final


async def test_there_is_time_to_look_even_where_there_is_none_to_wait():
    async with jobs_of() as (daemon, jobs, _):
        daemon.on("GET", "/v1/jobs/x", json(ENDED))
        assert (await jobs.final("x", 0)).final
        daemon.on("GET", "/v1/jobs/x", json(row()))
        with pytest.raises(TimeoutError):
            await jobs.final("x", 0)
        with pytest.raises(TimeoutError):
            await jobs.final("x", 0.01)


async def test_a_daemon_that_is_silent_does_not_hold_up_a_wait_for_long(monkeypatch):
    monkeypatch.setattr(client_jobs, "LOOK_S", 0.05)
    async with jobs_of() as (daemon, jobs, _):
        daemon.on("GET", "/v1/jobs/x", silent)
        with pytest.raises(TimeoutError):
            await jobs.final("x", 0.01)
        daemon.on("GET", "/v1/events", silent)
        with pytest.raises(TimeoutError):
            await jobs.final("x", 0.01)


async def test_what_a_lost_answer_was_about_is_found_out():
    lost = refused(412, "PreconditionFailed", str(PreconditionFailed("it is at version 6")))
    async with jobs_of() as (daemon, jobs, _):
        daemon.on("DELETE", "/v1/jobs/x", gone, refused(404, "JobNotFound", "No such job: x"))
        assert await jobs.delete("x")
        daemon.on("PATCH", "/v1/jobs/x", gone, lost)
        daemon.on("GET", "/v1/jobs/x", json(row(name="new", tags=("a",), version=6)))
        assert (await jobs.amend("x", name="new", tags=["a"], if_version=5)).version == 6
        assert daemon.seen[-2].headers["If-Match"] == '"5"'
        daemon.on("PATCH", "/v1/jobs/x", gone, lost)
        with pytest.raises(PreconditionFailed, match="6"):
            await jobs.amend("x", name="other", if_version=5)
        daemon.on("POST", "/v1/jobs/x/cancel", gone, lost)
        with pytest.raises(PreconditionFailed, match="6"):
            await jobs.request_cancel("x", if_version=5)
        daemon.on("GET", "/v1/jobs/x", json(row(cancel_requested=True, version=6)))
        daemon.on("POST", "/v1/jobs/x/cancel", gone, lost)
        assert (await jobs.request_cancel("x", if_version=5)).cancel_requested
        daemon.on("PATCH", "/v1/jobs/x", lost)
        with pytest.raises(PreconditionFailed, match="6"):
            await jobs.amend("x", name="new", if_version=5)


async def test_the_newest_progress_is_kept_of_so_many_jobs(monkeypatch):
    monkeypatch.setattr(client_jobs, "WATCHED_MAX", 2)

    def progress(job_id, fraction):
        data = msgspec.json.encode(Progressed(workspace="default", job_id=job_id, time=EPOCH, fraction=fraction))
        return b"event: Progressed\ndata: " + data + b"\n\n"

    async with jobs_of() as (daemon, jobs, _):
        for job_id in ("a", "b", "c"):
            began = told(Began(job_id=job_id, attempt=1, position=3))
            daemon.on(
                "GET",
                f"/v1/jobs/{job_id}/events",
                streamed(ready(0), progress(job_id, 0.25), began, progress(job_id, 0.5), end="open"),
            )
            updates = jobs.updates(job_id)
            seen = [await anext(updates) for _ in range(3)]
            assert [getattr(update, "fraction", None) for update in seen] == [0.25, None, 0.5]
            await updates.aclose()
        assert jobs.newest_progress("a") is None
        assert jobs.newest_progress("b").fraction == jobs.newest_progress("c").fraction == 0.5


async def test_what_is_known_here_is_said_at_once():
    async with jobs_of() as (daemon, jobs, _):
        assert jobs.serves("acme.echo")
        assert jobs.inspects("acme.echo")
        assert not jobs.serves("acme.other")
        assert not jobs.inspects("acme.other")
        assert timedelta(minutes=59) < jobs.now() - datetime.now(UTC) < timedelta(minutes=61)
        assert daemon.seen == []


async def test_small_inputs_go_within_the_request_and_others_ahead_of_it(tmp_path):
    (tmp_path / "file").write_bytes(b"x")

    async def stream():
        yield b"x"

    bodies = []

    async def take(request):
        bodies.append(await request.read())
        return await json(row(), 201)(request)

    async with faked() as (daemon, opened):
        daemon.on("POST", "/v1/jobs", take)
        daemon.on("PUT", "/v1/jobs/x/input", raw(b"{}", 201))
        submission = Submission(opened)
        for content, field in (
            (b"x" * 65_536, "input_bytes"),
            ("x", "input"),
            ({"a": 1}, "input"),
            ([[]] * 100, "input_type"),
            (datetime(2026, 1, 1, tzinfo=UTC), "input_type"),
            (b"x" * 65_537, None),
            (tmp_path / "file", None),
            (stream(), None),
        ):
            daemon.seen.clear()
            await submission.submit("acme.echo", content, Request(job_id="x"))
            asked = [(request.method, request.path) for request in daemon.seen]
            ahead = [("PUT", "/v1/jobs/x/input")] if field is None else []
            assert asked == [*ahead, ("POST", "/v1/jobs")]
            body = msgspec.json.decode(bodies[-1])
            assert (field in body) if field else not {"input", "input_bytes", "input_type"} & body.keys()
            assert body["job_id"] == "x"


async def test_ids_are_chosen_here_and_stay_over_repetitions():
    async with faked() as (daemon, opened):
        bodies = []

        async def lose(request):
            bodies.append(msgspec.json.decode(await request.read()))
            request.transport.abort()

        async def take(request):
            bodies.append(msgspec.json.decode(await request.read()))
            return await json(row(), 201)(request)

        daemon.on("POST", "/v1/jobs", lose, lose, take)
        await Submission(opened).submit("acme.echo", b"x", Request())
        assert len({body["job_id"] for body in bodies}) == 1
        assert len(bodies) == 3


async def test_an_input_that_was_sent_before_must_be_the_same():
    content = b"x" * 70_000
    async with faked() as (daemon, opened):
        submission = Submission(opened)
        taken = str(BlobExists("default/job-x/inputData"))
        daemon.on("PUT", "/v1/jobs/x/input", refused(409, "BlobExists", taken))
        daemon.on("GET", "/v1/jobs/x", refused(404, "JobNotFound", str(JobNotFound("x"))))
        with pytest.raises(IdConflict, match="another input"):
            await submission.submit("acme.echo", content, Request(job_id="x"))
        daemon.on("GET", "/v1/jobs/x", json(row(input_hash="0" * 64)))
        with pytest.raises(IdConflict, match="another input"):
            await submission.submit("acme.echo", content, Request(job_id="x"))


async def test_patience_ends_for_uploads_too(tmp_path):
    async with faked(patience_s=0.05) as (daemon, opened):
        daemon.on("PUT", "/v1/blobs/uploads/name", gone)
        with pytest.raises(Unreachable):
            await Submission(opened).upload(b"x", "uploads", "name", None)
        assert len(daemon.seen) > 1
