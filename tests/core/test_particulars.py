"""What the story says of each kind of event: none is told without its particulars."""

from datetime import UTC, datetime

import pytest

from kyanite.core.events import (
    Amended,
    Began,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Failed,
    Inspected,
    Intended,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
    Suspended,
)
from kyanite.core.job import ErrorData, JobDetails, Needs
from kyanite.core.lifecycle import EVENTS
from kyanite.core.story import tell

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = JobDetails(
    id="j",
    name="tsp",
    provider_id="acme",
    target="acme.solve",
    container_uri="kyanite:///default/job-j",
    input_data_uri="kyanite:///default/job-j/inputData",
    creation_time=START,
    input_size=1_234,
)
BUSY = ErrorData("Busy", "try later")
TOLD = [
    (Submitted(details=JOB), "Submitted: 'tsp' to acme.solve, input of 1,234 bytes"),
    (Inspected(needs=Needs(2.5, 4_096, 1)), "Inspected: needs 2.5 cores, 4,096 bytes, 1 GPUs"),
    (Began(attempt=3), "Began: execution 3"),
    (CancelRequested(reason="enough"), "CancelRequested: enough"),
    (CancelRequested(), "CancelRequested"),
    (Intended(token="t-1"), "Intended: about to submit under t-1"),
    (Checkpointed(handle={"secret": 1}), "Checkpointed: can go on from here"),
    (RetryScheduled(error=BUSY, not_before=START), "RetryScheduled: Busy: try later; again at 03:04:05Z"),
    (Resumed(), "Resumed"),
    (Suspended(), "Suspended"),
    (Amended(name="n", metadata={}, priority=0), "Amended: name, metadata, priority"),
    (Amended(rank=1.0), "Amended"),
    (
        Succeeded(output_data_uri="kyanite:///o", output_hash="", output_size=5_000),
        "Succeeded: 5,000 bytes at kyanite:///o",
    ),
    (Failed(error=BUSY), "Failed: Busy: try later"),
    (Cancelled(output_data_uri="kyanite:///o"), "Cancelled: best so far kept at kyanite:///o"),
    (Cancelled(), "Cancelled"),
]


@pytest.mark.parametrize(("event", "text"), TOLD, ids=[text for _, text in TOLD])
def test_an_event_is_told(event, text):
    (line,) = tell([event])
    assert line.partition(" s  ")[2] == text


def test_each_kind_is_told():
    assert {type(event) for event, _ in TOLD} == set(EVENTS)
