"""Jobs as spans of OpenTelemetry, the extra `[otel]`: one for each job that has ended, made from its story.

A span is made afterwards, with the times that the log has: tracing costs an executing job nothing, and nothing is lost
while no one collects. The parent is the trace that the submit was part of.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.to_thread

from kyanite.core.events import (
    EPOCH,
    FINAL_EVENTS,
    Began,
    Event,
    Failed,
    Resumed,
    RetryScheduled,
    Submitted,
    Suspended,
)
from kyanite.core.job import JobDetails, Status
from kyanite.errors import CallerError, ConfigError, JobNotFound
from kyanite.runtime.trace import parsed
from kyanite.runtime.workspace import Workspace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider as SDKTracerProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

SUBSCRIBER = "opentelemetry"
FLUSH_S = 5.0
"""How long the last spans may take to leave when the daemon ends."""
_EXPORTERS = "opentelemetry_traces_exporter"


class Phase(NamedTuple):
    """A stretch of a job's life: `waiting`, or `execution` with its number and the error that ended it, if one did."""

    name: str
    start: datetime
    end: datetime
    attempt: int | None = None
    error: str | None = None


def spans(workspace: Workspace, tracer_provider: TracerProvider | None = None) -> None:
    """Make a span of every job of the workspace that ends from now on, also of those that end while this is not open.

    Each job's span reaches from the submit to the end, with a child for each stretch in which it waited and each
    execution. It is made once; after a crash, those of the last moments may be made again. Without a provider the
    program's own, as OpenTelemetry has it, takes the spans. Raises `CallerError` without the extra.
    """
    tracer = _tracer(tracer_provider)

    @workspace.on_final(name=f"{SUBSCRIBER}.{workspace.name}")
    async def ended(_event: Event, details: JobDetails) -> None:
        make(tracer, details, await _phases_of(workspace, details))


async def _phases_of(workspace: Workspace, details: JobDetails) -> Sequence[Phase]:
    """Return what a job did, from its row where that tells all: nothing is read then, nor from a closing workspace."""
    if details.attempt > 1 or details.failures or details.interruptions:
        with suppress(JobNotFound):  # deleted meanwhile
            return list(phases(await (await workspace.get_job(details.id)).story()))
    return list(plain_phases(details))


def make(tracer: Tracer, details: JobDetails, found: Iterable[Phase]) -> None:
    """Make the spans of a job that has ended."""
    from opentelemetry.trace import set_span_in_context

    span = tracer.start_span(
        f"job {details.target}",
        context=_parent(details.traceparent),
        attributes=_attributes(details),
        start_time=_nanoseconds(details.creation_time),
    )
    if details.status is Status.FAILED:
        _mark(span, details.error_data.code if details.error_data else "Failed")
    inside = set_span_in_context(span)
    for phase in found:
        attributes = {} if phase.attempt is None else {"kyanite.attempt": phase.attempt}
        start = _nanoseconds(phase.start)
        child = tracer.start_span(phase.name, context=inside, attributes=attributes, start_time=start)
        if phase.error is not None:
            _mark(child, phase.error)
        child.end(_nanoseconds(phase.end))
    span.end(_nanoseconds(_end_of(details)))


def phases(story: Sequence[Event]) -> Iterator[Phase]:
    """Yield what a job waited and executed, in order and without a gap, as far as its story goes."""
    start: datetime | None = None
    attempt: int | None = None
    for event in story:
        if not isinstance(event, (Submitted, Began, RetryScheduled, Resumed, Suspended, *FINAL_EVENTS)):
            continue
        if start is not None:
            name = "waiting" if attempt is None else "execution"
            yield Phase(name, start, event.time, attempt, None if attempt is None else _error(event))
        start = event.details.creation_time if isinstance(event, Submitted) else event.time
        attempt = event.attempt if isinstance(event, Began) else None


def plain_phases(details: JobDetails) -> Iterator[Phase]:
    """Yield what an ended job waited and executed, as its row has it: as if it had executed once at most."""
    began, end = details.begin_execution_time, _end_of(details)
    yield Phase("waiting", details.creation_time, began or end)
    if began is not None:
        error = details.error_data.code if details.error_data is not None else None
        yield Phase("execution", began, end, details.attempt, error)


def _error(event: Event) -> str | None:
    if isinstance(event, Failed | RetryScheduled):
        return event.error.code
    return "Interrupted" if isinstance(event, Resumed) else None


def _attributes(details: JobDetails) -> dict[str, Any]:
    return {
        "kyanite.workspace": details.workspace,
        "kyanite.job.id": details.id,
        "kyanite.job.target": details.target,
        "kyanite.job.status": details.status.value,
        "kyanite.job.attempts": details.attempt,
    }


def _mark(span: Span, code: str) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR, code)


def _parent(traceparent: str | None) -> Context:
    """Return the context of the submit; of a job without one, an empty context, whatever goes on here now."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    trace = parsed(traceparent) if traceparent is not None else None
    if trace is None:
        return Context()
    trace_id, span_id = int(trace.trace_id, 16), int(trace.span_id, 16)
    remote = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(trace.flags))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _end_of(details: JobDetails) -> datetime:
    return details.end_execution_time or details.cancellation_time or details.updated_time or details.creation_time


def _nanoseconds(time: datetime) -> int:
    since = time.astimezone(UTC) - EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _tracer(provider: TracerProvider | None) -> Tracer:
    _check("opentelemetry.trace")
    from opentelemetry.trace import get_tracer

    return get_tracer("kyanite", version("kyanite"), provider)


def _check(module: str) -> None:
    from importlib.util import find_spec

    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise CallerError('spans need OpenTelemetry; install it with pip install "kyanite[otel]"')


@asynccontextmanager
async def exporting() -> AsyncIterator[SDKTracerProvider]:
    """Yield a provider whose spans go where the variables of OpenTelemetry say, and send the last ones at the end.

    OTEL_TRACES_EXPORTER names the exporter (`otlp` unless set), which is a package of its own; each has further
    variables, such as OTEL_EXPORTER_OTLP_ENDPOINT. Raises `CallerError` without the extra, and `ConfigError` for an
    exporter that is not installed.
    """
    _check("opentelemetry.sdk.trace")
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = _exporter()
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "kyanite")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    try:
        yield provider
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(FLUSH_S):
            await anyio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _exporter() -> Callable[[], Any]:
    name = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    found = list(entry_points(group=_EXPORTERS, name=name))
    if not found:
        package = "opentelemetry-exporter-otlp-proto-http" if name == "otlp" else "its package"
        raise ConfigError(f"telemetry.opentelemetry: there is no exporter {name!r}; install {package}")
    loaded: Callable[[], Any] = found[0].load()
    return loaded
