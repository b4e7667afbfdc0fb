"""What a refused event says, and the amounts that events leave, to the last field."""

from datetime import UTC, datetime, timedelta

import pytest

from kyanite.core.events import (
    Amended,
    Began,
    Cancelled,
    Checkpointed,
    Failed,
    Inspected,
    Intended,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
)
from kyanite.core.job import CostEstimate, ErrorData, JobDetails, Needs, Status
from kyanite.core.lifecycle import InvalidTransition, apply, diagram

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(minutes=1)
COST = CostEstimate("EUR", 2.5)
OUTPUT = {"output_data_uri": "kyanite:///o", "output_hash": "0f", "output_size": 3}


def born(**fields):
    details = JobDetails(
        id="j",
        name="job",
        provider_id="acme",
        target="acme.echo",
        container_uri="kyanite:///default/job-j",
        input_data_uri="kyanite:///default/job-j/inputData",
        creation_time=START,
        **fields,
    )
    return apply(None, Submitted(details=details, time=START))


def told(row, *events):
    for event in events:
        row = apply(row, event)
    return row


def test_a_refusal_names_the_job_where_it_stands_and_what_was_tried():
    event = Began(attempt=1, job_id="j")
    with pytest.raises(InvalidTransition) as refused:
        apply(None, event)
    assert (refused.value.details, refused.value.event) == (None, event)
    assert str(refused.value) == "job j does not exist: Began can not follow"
    row = born()
    with pytest.raises(InvalidTransition) as refused:
        apply(row, Resumed())
    assert (refused.value.details, refused.value.event) == (row, Resumed())
    assert str(refused.value) == "job j is Waiting (version 1): Resumed can not follow"


def test_a_birth_is_version_one_whatever_the_row_said():
    row = born(version=7, updated_time=LATER)
    assert (row.version, row.updated_time) == (1, START)


def test_every_execution_leaves_its_count():
    retry = RetryScheduled(error=ErrorData("Busy", "later"), not_before=LATER)
    row = told(born(), Began(attempt=1, time=LATER), retry, Began(attempt=2), Resumed(), Began(attempt=3), retry)
    assert (row.attempt, row.failures, row.interruptions, row.driving, row.not_before) == (3, 2, 1, False, LATER)
    assert row.begin_execution_time == LATER
    row = apply(row, Began(attempt=4))
    assert (row.not_before, row.driving, row.version) == (None, True, 8)


def test_inspection_and_notes():
    row = told(born(additional_properties={"a": 1}), Inspected(needs=Needs(cores=2.0), properties={"b": 2}))
    assert (row.inspected, row.needs, row.additional_properties) == (True, Needs(cores=2.0), {"a": 1, "b": 2})
    row = told(row, Began(attempt=1), Intended(token="t"), Checkpointed(handle=[1]))
    assert (row.intent, row.handle) == ("t", [1])


@pytest.mark.parametrize(
    ("event", "changed"),
    [
        (
            Succeeded(**OUTPUT, output_data_format="f", cost_estimate=COST, properties={"b": 2}, time=LATER),
            {"status": Status.SUCCEEDED, "output_data_format": "f", "additional_properties": {"a": 1, "b": 2}},
        ),
        (
            Failed(**OUTPUT, error=ErrorData("Bad", "input"), cost_estimate=COST, time=LATER),
            {"status": Status.FAILED, "error_data": ErrorData("Bad", "input"), "output_data_format": "old"},
        ),
        (
            Cancelled(**OUTPUT, cost_estimate=COST, properties={"a": 2}, time=LATER),
            {"status": Status.CANCELLED, "cancellation_time": LATER, "additional_properties": {"a": 2}},
        ),
    ],
)
def test_an_end_keeps_output_cost_and_time_and_lets_go(event, changed):
    row = told(born(additional_properties={"a": 1}, output_data_format="old"), Began(attempt=1), event)
    kept = {**OUTPUT, "cost_estimate": COST, "end_execution_time": LATER, "driving": False, "not_before": None}
    expected = {**kept, "cancellation_time": None, "version": 3, **changed}
    assert {name: getattr(row, name) for name in expected} == expected


def test_an_end_without_output_leaves_what_was_there():
    retry = RetryScheduled(error=ErrorData("Busy", "later"), not_before=LATER)
    row = told(born(cost_estimate=COST, additional_properties={"a": 1}), Began(attempt=1), retry, Cancelled(time=LATER))
    assert (row.output_data_uri, row.output_size, row.cost_estimate, row.not_before) == (None, None, COST, None)
    assert row.additional_properties == {"a": 1}


def test_labels_change_when_all_else_is_final():
    row = told(born(), Cancelled(time=START))
    again = apply(row, Amended(name="n", tags=("t",), metadata={"k": 1}, priority=3, rank=9.0, time=LATER))
    assert (again.name, again.tags, again.metadata, again.updated_time) == ("n", ("t",), {"k": 1}, LATER)
    assert (again.priority, again.rank, again.version) == (0, 0.0, 3)


def test_the_diagram_is_the_table_line_by_line():
    stays = [
        "Began",
        "CancelRequested",
        "Intended",
        "Checkpointed",
        "RetryScheduled",
        "Resumed",
        "Suspended",
        "Amended",
    ]
    assert diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> Waiting: Submitted",
        "    Waiting --> Waiting: Inspected, CancelRequested, Amended",
        "    Waiting --> Executing: Began",
        "    Waiting --> Failed: Failed",
        "    Waiting --> Cancelled: Cancelled",
        f"    Executing --> Executing: {', '.join(stays)}",
        "    Executing --> Succeeded: Succeeded",
        "    Executing --> Failed: Failed",
        "    Executing --> Cancelled: Cancelled",
        "    Succeeded --> [*]",
        "    Failed --> [*]",
        "    Cancelled --> [*]",
    ]
