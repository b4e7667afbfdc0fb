"""Jobs as spans: what the SDK of OpenTelemetry gets to see."""

import itertools
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kyanite import RetryableError, Workspace, telemetry
from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import TelemetrySettings
from kyanite.core.events import Began, CancelRequested, Failed, Resumed, RetryScheduled, Submitted, Succeeded, Suspended
from kyanite.core.job import ErrorData, JobDetails, Status
from kyanite.errors import CallerError, ConfigError, ProviderError
from kyanite.http.daemon import serving
from kyanite.runtime.trace import TRACEPARENT
from kyanite.stores.memory import MemoryStore
from tests.http.places import settings as daemon_settings
from tests.runtime.places import executing, in_memory, with_echo

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
START = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
ROW = JobDetails(
    id="j",
    name="n",
    provider_id="acme",
    target="acme.t",
    container_uri="kyanite:///default/job-j",
    input_data_uri="kyanite:///default/job-j/inputData",
    creation_time=START,
)


class Collector:
    """A provider whose spans stay here."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def jobs(self):
        return {span.attributes["kyanite.job.id"]: span for span in self.spans if "kyanite.job.id" in span.attributes}

    def children(self, job_span):
        mine = [span for span in self.spans if span.parent and span.parent.span_id == job_span.context.span_id]
        return sorted(mine, key=lambda span: span.start_time)

    async def heard(self, count):
        """Return once so many jobs were made spans of."""
        with anyio.fail_after(10):
            while len(self.jobs()) < count:
                await anyio.lowlevel.checkpoint()


def nanoseconds(time):
    return int((time - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000


async def test_a_job_is_a_span_under_its_submits_trace_with_what_it_did_inside():
    collector = Collector()
    workspace = with_echo(in_memory())
    telemetry.spans(workspace, collector.provider)
    async with workspace:
        TRACEPARENT.set(PARENT)
        job = await (await workspace.submit("acme.echo", "x")).wait()
        TRACEPARENT.set(None)
        await collector.heard(1)
    ((job_id, span),) = collector.jobs().items()
    assert (job_id, span.name, span.kind) == (job.id, "job acme.echo", SpanKind.INTERNAL)
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.parent.is_remote
    assert dict(span.attributes) == {
        "kyanite.workspace": "default",
        "kyanite.job.id": job.id,
        "kyanite.job.target": "acme.echo",
        "kyanite.job.status": "Succeeded",
        "kyanite.job.attempts": 1,
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.start_time == nanoseconds(job.details.creation_time)
    assert span.end_time == nanoseconds(job.details.end_execution_time)
    waiting, execution = collector.children(span)
    assert (waiting.name, execution.name) == ("waiting", "execution")
    assert waiting.end_time == execution.start_time == nanoseconds(job.details.begin_execution_time)
    assert execution.attributes["kyanite.attempt"] == 1
    assert {child.context.trace_id for child in (waiting, execution)} == {span.context.trace_id}


async def test_without_a_trace_each_job_begins_one():
    collector = Collector()
    async with with_echo(in_memory()) as workspace:
        telemetry.spans(workspace, collector.provider)
        tracer = collector.provider.get_tracer("around")
        with tracer.start_as_current_span("around"):
            jobs = [await (await workspace.submit("acme.echo", "x")).wait() for _ in range(2)]
            await collector.heard(2)
    spans = collector.jobs()
    assert set(spans) == {job.id for job in jobs}
    assert all(span.parent is None for span in spans.values())
    assert len({span.context.trace_id for span in spans.values()}) == 2


async def test_a_failed_job_is_an_error_and_so_is_each_attempt():
    collector = Collector()
    async with in_memory() as workspace:
        telemetry.spans(workspace, collector.provider)

        @workspace.target("acme.busy")
        async def busy(task):
            if task.details.attempt < 3:
                raise RetryableError("Busy", "try again")
            raise ProviderError("Broken", "for good")

        await (await workspace.submit("acme.busy", "x", attempts_max=5)).wait()
        await collector.heard(1)
    (span,) = collector.jobs().values()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.status.description, span.attributes["error.type"]) == ("Broken", "Broken")
    assert (span.attributes["kyanite.job.status"], span.attributes["kyanite.job.attempts"]) == ("Failed", 3)
    children = collector.children(span)
    names = ("kyanite.attempt", "error.type")
    found = [(child.name, *[child.attributes.get(name) for name in names]) for child in children]
    assert found == [
        ("waiting", None, None),
        ("execution", 1, "Busy"),
        ("waiting", None, None),
        ("execution", 2, "Busy"),
        ("waiting", None, None),
        ("execution", 3, "Broken"),
    ]
    assert children[0].start_time == span.start_time
    assert children[-1].end_time == span.end_time
    assert all(one.end_time == other.start_time for one, other in itertools.pairwise(children))


async def test_a_cancelled_job_is_no_error():
    collector = Collector()
    async with in_memory() as workspace:
        telemetry.spans(workspace, collector.provider)

        @workspace.target("acme.held", slots=1)
        async def held(task):
            await task.wait_cancel_requested()

        jobs = [await workspace.submit("acme.held", "x") for _ in range(2)]
        await executing(jobs[0])
        for job in reversed(jobs):
            await job.cancel()
        await collector.heard(2)
    spans = collector.jobs()
    assert {span.status.status_code for span in spans.values()} == {StatusCode.UNSET}
    assert [child.name for child in collector.children(spans[jobs[0].id])] == ["waiting", "execution"]
    (waiting,) = collector.children(spans[jobs[1].id])
    assert waiting.name == "waiting"
    assert spans[jobs[1].id].end_time == waiting.end_time == nanoseconds(jobs[1].details.cancellation_time)


async def test_each_job_once_over_two_lives_also_what_ended_unheard():
    store, blobs, collector = MemoryStore(), MemoryBlobs(), Collector()
    first = with_echo(in_memory(store, blobs))
    telemetry.spans(first, collector.provider)
    async with first:
        ids = {(await (await first.submit("acme.echo", "x")).wait()).id for _ in range(70)}
        await collector.heard(70)
    async with with_echo(in_memory(store, blobs)) as deaf:
        unheard = await (await deaf.submit("acme.echo", "x")).wait()
    third = with_echo(in_memory(store, blobs))
    telemetry.spans(third, collector.provider)
    async with third:
        last = await (await third.submit("acme.echo", "x")).wait()
        await collector.heard(72)
    found = [span.attributes["kyanite.job.id"] for span in collector.spans if "kyanite.job.id" in span.attributes]
    assert len(found) == 72
    assert set(found) == ids | {unheard.id, last.id}


async def test_a_job_that_was_deleted_meanwhile_is_told_from_its_row():
    store, blobs, collector = MemoryStore(), MemoryBlobs(), Collector()
    workspace = in_memory(store, blobs)
    telemetry.spans(workspace, collector.provider)
    async with workspace:
        assert collector.spans == ()  # the cursor stands at the beginning now
    async with with_echo(in_memory(store, blobs)) as deaf:
        job = await (await deaf.submit("acme.echo", "x")).wait()
        assert await deaf.delete_job(job)
    again = in_memory(store, blobs)
    telemetry.spans(again, collector.provider)
    async with again:
        await collector.heard(1)
    ((job_id, span),) = collector.jobs().items()
    assert (job_id, span.attributes["kyanite.job.status"]) == (job.id, "Succeeded")
    assert [child.name for child in collector.children(span)] == ["waiting", "execution"]


async def test_the_last_jobs_are_told_of_while_the_workspace_closes(tmp_path):
    collector = Collector()
    workspace = with_echo(Workspace.open(data_dir=tmp_path))
    telemetry.spans(workspace, collector.provider)
    async with workspace:
        jobs = [await workspace.submit("acme.echo", "x") for _ in range(100)]
        for job in jobs:
            await job.wait()
        start_s = anyio.current_time()
    assert anyio.current_time() - start_s < workspace.settings.limits.shutdown_grace_s
    assert set(collector.jobs()) == {job.id for job in jobs}
    assert len(collector.spans) == 300


async def test_two_workspaces_of_one_store_are_heard_apart():
    collector = Collector()
    async with with_echo(in_memory()) as workspace:
        other = await workspace.beside("other")
        for one in (workspace, other):
            telemetry.spans(one, collector.provider)
        for one in (workspace, other):
            await (await one.submit("acme.echo", "x")).wait()
        await collector.heard(2)
    names = sorted(span.attributes["kyanite.workspace"] for span in collector.jobs().values())
    assert names == ["default", "other"]


def test_phases_of_a_story_with_a_crash_and_a_stop():
    def at(seconds):
        return {"time": START + timedelta(seconds=seconds)}

    story = [
        Submitted(details=ROW, **at(0)),
        Began(attempt=1, **at(1)),
        Resumed(**at(10)),
        Began(attempt=2, **at(11)),
        Suspended(**at(20)),
        CancelRequested(**at(25)),
        Began(attempt=3, **at(30)),
        RetryScheduled(error=ErrorData("Busy", ""), not_before=START, **at(31)),
        Began(attempt=4, **at(33)),
        Succeeded(output_data_uri="", output_hash="", output_size=0, **at(40)),
    ]
    found = [
        (phase.name, (phase.start - START).seconds, (phase.end - START).seconds, phase.attempt, phase.error)
        for phase in telemetry.phases(story)
    ]
    assert found == [
        ("waiting", 0, 1, None, None),
        ("execution", 1, 10, 1, "Interrupted"),
        ("waiting", 10, 11, None, None),
        ("execution", 11, 20, 2, None),
        ("waiting", 20, 30, None, None),
        ("execution", 30, 31, 3, "Busy"),
        ("waiting", 31, 33, None, None),
        ("execution", 33, 40, 4, None),
    ]
    assert list(telemetry.phases([])) == []
    refused = [story[0], Failed(error=ErrorData("Bad", ""), **at(3))]
    assert [(phase.name, phase.error) for phase in telemetry.phases(refused)] == [("waiting", None)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": Status.CANCELLED, "cancellation_time": 9}, [("waiting", 0, 9, None, None)]),
        (
            {"status": Status.FAILED, "end_execution_time": 3, "error_data": ErrorData("Bad", "")},
            [("waiting", 0, 3, None, None)],
        ),
        (
            {"status": Status.SUCCEEDED, "begin_execution_time": 2, "end_execution_time": 7, "attempt": 1},
            [("waiting", 0, 2, None, None), ("execution", 2, 7, 1, None)],
        ),
        (
            {
                "status": Status.FAILED,
                "begin_execution_time": 2,
                "end_execution_time": 7,
                "attempt": 1,
                "error_data": ErrorData("Bad", ""),
            },
            [("waiting", 0, 2, None, None), ("execution", 2, 7, 1, "Bad")],
        ),
    ],
)
def test_phases_of_a_row(changes, expected):
    row = replace(
        ROW,
        **{
            name: START + timedelta(seconds=value) if name.endswith("_time") else value
            for name, value in changes.items()
        },
    )
    found = [
        (phase.name, (phase.start - START).seconds, (phase.end - START).seconds, phase.attempt, phase.error)
        for phase in telemetry.plain_phases(row)
    ]
    assert found == expected


def test_microseconds_are_kept():
    collector = Collector()
    telemetry.make(collector.provider.get_tracer("t"), replace(ROW, status=Status.SUCCEEDED), ())
    (span,) = collector.spans
    assert span.start_time == span.end_time == nanoseconds(START)
    assert span.start_time % 1_000_000_000 == 678_901_000


async def test_an_unsampled_trace_stays_unsampled():
    collector = Collector()
    async with with_echo(in_memory()) as workspace:
        telemetry.spans(workspace, collector.provider)
        TRACEPARENT.set(f"00-{TRACE}-{SPAN}-00")
        await (await workspace.submit("acme.echo", "x")).wait()
        TRACEPARENT.set(None)
        after = await (await workspace.submit("acme.echo", "x")).wait()
        await collector.heard(1)
    assert set(collector.jobs()) == {after.id}


async def test_exporting_sends_what_is_left_at_its_end(monkeypatch):
    exporter = InMemorySpanExporter()
    point = SimpleNamespace(load=lambda: lambda: exporter)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "ours")
    monkeypatch.setattr(telemetry, "entry_points", lambda group, name: [point] if name == "ours" else [])
    async with telemetry.exporting() as provider:
        workspace = with_echo(in_memory())
        telemetry.spans(workspace, provider)
        async with workspace:
            await (await workspace.submit("acme.echo", "x")).wait()
    spans = exporter.get_finished_spans()
    assert sorted(span.name for span in spans) == ["execution", "job acme.echo", "waiting"]
    assert {span.resource.attributes["service.name"] for span in spans} == {"kyanite"}


def test_the_sdks_own_exporters_are_found(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    assert telemetry._exporter().__name__ == "ConsoleSpanExporter"


async def test_an_exporter_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "no-such-thing")
    with pytest.raises(ConfigError, match="no exporter 'no-such-thing'"):
        async with telemetry.exporting():
            pytest.fail("it exports")


async def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CallerError, match=r"kyanite\[otel\]"):
        telemetry.spans(in_memory())
    with pytest.raises(CallerError, match=r"kyanite\[otel\]"):
        async with telemetry.exporting():
            pytest.fail("it exports")


def test_opentelemetry_is_loaded_when_it_is_first_used():
    code = "import sys, kyanite.telemetry; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert child.stdout.strip() == "[]"


async def test_a_daemon_exports_the_spans_of_all_its_workspaces(tmp_path, monkeypatch):
    exporter = InMemorySpanExporter()
    point = SimpleNamespace(load=lambda: lambda: exporter)
    monkeypatch.setattr(telemetry, "entry_points", lambda group, name: [point])
    chosen = replace(daemon_settings(tmp_path), telemetry=TelemetrySettings(opentelemetry=True))
    async with serving(chosen) as running:
        with_echo(running.service.workspace)
        other = await running.service.tenant("other")
        jobs = [await one.submit("acme.echo", "x") for one in (running.service.workspace, other)]
        for job in jobs:
            await job.wait()
    spans = exporter.get_finished_spans()
    assert {span.attributes["kyanite.job.id"] for span in spans if span.parent is None} == {job.id for job in jobs}
