"""Jobs and targets as commands show them: columns of a table, facts of one, and JSON records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kyanite.cli.output import View, compact
from kyanite.cli.quantity import age, duration, moment, size
from kyanite.cli.table import Column

if TYPE_CHECKING:
    from kyanite import JobDetails, Target

COLOURS = {"Succeeded": "green", "Failed": "red", "Cancelled": "yellow", "Executing": "cyan"}


def record(thing: Any) -> dict[str, Any]:
    """Return every field of a record of the model, by its name there, as JSON knows values."""
    import msgspec

    return {name: msgspec.to_builtins(getattr(thing, name)) for name in thing.__struct_fields__}


def took(details: JobDetails) -> str:
    """Return how long ago a job began, or how long it took from there to its end, or to its interruption."""
    if details.begin_execution_time is None:
        return ""
    end = details.end_execution_time or (details.updated_time if _interrupted(details) else None) or datetime.now(UTC)
    return duration((end - details.begin_execution_time).total_seconds())


def _age(details: JobDetails) -> str:
    return age((datetime.now(UTC) - details.creation_time).total_seconds())


JOBS: View[JobDetails] = View(
    columns=(
        Column("ID", lambda details: details.id),
        Column("NAME", lambda details: details.name, least=12),
        Column("TARGET", lambda details: details.target, least=30, spare=1),
        Column("STATUS", lambda details: details.status.value, colour=lambda details: COLOURS.get(details.status)),
        Column("AGE", _age),
        Column("TOOK", took, spare=2),
    ),
    record=record,
    name=lambda details: details.id,
)

TARGETS: View[Target] = View(
    columns=(
        Column("ID", lambda target: target.id),
        Column("PROVIDER", lambda target: target.provider_id, spare=1),
        Column("SLOTS", lambda target: str(target.slots), spare=2),
        Column("DESCRIPTION", lambda target: target.description, least=30),
    ),
    record=record,
    name=lambda target: target.id,
)


def job_facts(details: JobDetails) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of a job."""
    yield "id", details.id
    yield "name", details.name
    yield "target", details.target
    yield "status", details.status.value + _remark(details)
    if details.error_data is not None:
        yield "error", f"{details.error_data.code}: {details.error_data.message}"
    yield "created", moment(details.creation_time)
    yield "began", moment(details.begin_execution_time)
    yield "ended", moment(details.end_execution_time)
    yield "took", took(details)
    yield "tags", ", ".join(details.tags)
    yield "priority", str(details.priority or "")
    yield "parameters", compact(details.input_params) if details.input_params else ""
    yield "metadata", compact(details.metadata) if details.metadata else ""
    yield "time limit", duration(details.timeout_s) if details.timeout_s is not None else ""
    yield "attempts", f"{details.attempt}, of which {details.failures} failed" if details.failures else ""
    yield "input", ", ".join(filter(None, [size(details.input_size), details.input_data_format]))
    if details.output_size is not None:
        yield "output", ", ".join(filter(None, [size(details.output_size), details.output_data_format]))


def target_facts(target: Target) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of a target."""
    yield "id", target.id
    yield "provider", target.provider_id
    yield "description", target.description
    yield "input", target.input_data_format or ""
    yield "output", target.output_data_format or ""
    yield "at once", f"{target.slots} jobs"
    yield "each needs", _needs(target)
    yield "interrupted", f"jobs {'run again' if target.on_interrupt.value == 'rerun' else 'fail'}"


def _remark(details: JobDetails) -> str:
    if details.cancel_requested and not details.final:
        return ", cancel requested"
    return ", interrupted: it goes on when jobs are executed again" if _interrupted(details) else ""


def _interrupted(details: JobDetails) -> bool:
    return details.status.value == "Executing" and not details.driving


def _needs(target: Target) -> str:
    needs = target.needs
    parts = (needs.cores and f"{needs.cores:g} cores", needs.memory_bytes and size(needs.memory_bytes))
    shown = [part for part in (*parts, needs.gpus and f"{needs.gpus} GPUs") if part]
    return ", ".join(shown) + (" or more, as its input asks for" if target.inspects and shown else "")
