"""The coroutine that each job is: begin, let the provider work under the job's limits, record how it ended."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import anyio
from msgspec.structs import replace

from kyanite.core.backoff import delay_s
from kyanite.core.events import (
    Began,
    Cancelled,
    Event,
    Failed,
    Inspected,
    RetryScheduled,
    Succeeded,
    Suspended,
)
from kyanite.core.job import ErrorData, JobDetails, Needs, Status
from kyanite.errors import InvalidRequest, JobNotFound, KyaniteError, OutputMissing, ProviderError, RetryableError
from kyanite.logs import JOB, without_secrets
from kyanite.ports import Provider
from kyanite.runtime.execution import Execution, Surroundings
from kyanite.runtime.records import Address
from kyanite.runtime.system import being_cancelled


async def run_job(
    around: Surroundings, provider: Provider, details: JobDetails, driven: dict[Address, Execution]
) -> None:
    """Execute a job once, whatever comes of it. Cancelled, it lets go of the job and leaves it to be resumed."""
    address = (details.workspace, details.id)
    began: list[Began] = []

    def begin(now: JobDetails) -> Iterable[Event]:
        # Unless the job ended, or another execution began, while it was on its way here.
        began[:] = () if now.final or now.driving else (Began(attempt=now.attempt + 1),)
        return began

    try:
        row = await around.journal.record(address, begin)
        if not began:
            return
        execution = driven[address] = Execution(around, row)
        JOB.set((row.id, row.target))
        try:
            event = await _drive(around, provider, execution)
            if event is not None:
                await around.journal.record(address, event)
        finally:
            driven.pop(address, None)
    except asyncio.CancelledError:
        # Decided after `begin`, which may take effect although nobody waits for it any more.
        around.journal.post(address, lambda now: (Suspended(),) if began and now.driving else ())
        raise
    except JobNotFound:
        # It ended otherwise and was deleted, while this execution was on its way here or stopping.
        return
    finally:
        JOB.set(None)


async def _drive(around: Surroundings, provider: Provider, execution: Execution) -> Event | None:
    """Run the provider under the job's time limit; return the event that tells how it went, if it is ours to tell."""
    details = execution.details
    if details.timeout_s is not None:
        message = f"the attempt took longer than timeout_s = {details.timeout_s:g}"
        execution.end_after(details.timeout_s, Failed(error=ErrorData("TimedOut", message, "timeout_s")))
    try:
        with anyio.CancelScope() as execution.scope:
            return _ending(execution, await _run(provider, execution))
    except Exception as error:  # noqa: BLE001  # whatever a provider raises ends its job, and nothing else
        return _failure(around, execution, error)
    finally:
        execution.over()
    # The scope was cancelled by what `end_after` had set up, and that records why.
    return None


async def _run(provider: Provider, execution: Execution) -> Status | None:
    """Let the provider run; a cancellation that comes out of it, and not from outside, is a fault like any other."""
    try:
        return await provider.run(execution)
    except asyncio.CancelledError as error:
        if being_cancelled():
            raise
        raise ProviderError("ProviderFault", "run() raised CancelledError, though nobody cancelled it") from error


def _ending(execution: Execution, status: Status | None) -> Event:
    if status is None:
        status = Status.CANCELLED if execution.cancel_requested else Status.SUCCEEDED
    if status is Status.CANCELLED:
        return _cancelled(execution)
    if status is not Status.SUCCEEDED:
        message = f"run() returned {status!r}; a failure is raised"
        raise TypeError(message)
    if execution.output is None:
        raise OutputMissing
    return Succeeded(cost_estimate=execution.cost_estimate, properties=execution.properties, **execution.output_fields)


def _cancelled(execution: Execution) -> Cancelled:
    return Cancelled(cost_estimate=execution.cost_estimate, properties=execution.properties, **execution.output_fields)


def _failure(around: Surroundings, execution: Execution, error: Exception) -> Event:
    details = execution.details
    if details.cancel_requested:
        execution.log.info("ended while being cancelled", error=str(error))
        return _cancelled(execution)
    told = error_data(error)
    if isinstance(error, RetryableError) and details.failures + 1 < details.attempts_max:
        pause = delay_s(details.failures + 1, around.limits.retry, around.entropy.random())
        return RetryScheduled(error=told, not_before=around.clock.now() + timedelta(seconds=pause))
    if not isinstance(error, KyaniteError):
        execution.log.warning("provider fault", error=repr(error), trace="".join(traceback.format_exception(error)))
    return Failed(error=told, cost_estimate=execution.cost_estimate, **execution.output_fields)


ERROR_LENGTH_MAX = 4_096
ERROR_DETAILS_MAX = 64


def error_data(error: Exception) -> ErrorData:
    """Return what a job's row says of an error: a provider's own words, or ours for what it did not foresee.

    Such words may quote a signed URL or a password: those are hidden, for a row is there to be shown.
    """
    told = _told(error)
    details = tuple(_fit(detail) for detail in told.details[:ERROR_DETAILS_MAX])
    return replace(told, message=_fit(told.message), details=details)


def _fit(text: str) -> str:
    """Return words of an error as a row may hold them: the start of long ones, without secrets."""
    shown = without_secrets(text)  # first, so that no secret is cut into something that is not known as one
    return shown if len(shown) <= ERROR_LENGTH_MAX else shown[:ERROR_LENGTH_MAX] + "..."


def _told(error: Exception) -> ErrorData:
    if isinstance(error, ProviderError):
        return error.error
    if isinstance(error, InvalidRequest):
        return ErrorData("InvalidRequest", str(error), error.field)
    if isinstance(error, KyaniteError):
        return ErrorData(type(error).__name__, str(error))
    return ErrorData("ProviderFault", f"{type(error).__name__}: {error}")


async def inspect_job(around: Surroundings, provider: Provider, details: JobDetails, whole: Needs) -> None:
    """Let the provider look at the input while the job waits, and record what it needs or why it can not run."""
    address = (details.workspace, details.id)
    event: Event
    try:
        needs = await provider.inspect(Execution(around, details))
        event = Inspected(needs=needs)
        if needs.cores > whole.cores or needs.memory_bytes > whole.memory_bytes or needs.gpus > whole.gpus:
            event = Failed(error=beyond(needs, whole))
    except Exception as error:  # noqa: BLE001  # whatever an inspection raises refuses its input, and nothing else
        event = Failed(error=error_data(error))
    with suppress(JobNotFound):  # cancelled and deleted meanwhile
        await around.journal.record(address, lambda row: (event,) if row.status is Status.WAITING else ())


def beyond(needs: Needs, whole: Needs) -> ErrorData:
    """Return the error of a job that this machine can never hold."""
    message = (
        f"the job needs {needs.cores:g} cores, {needs.memory_bytes:,} bytes and {needs.gpus} GPUs; "
        f"this machine gives jobs {whole.cores:g}, {whole.memory_bytes:,} and {whole.gpus}"
    )
    return ErrorData("InsufficientResources", message)
