from datetime import UTC, datetime, timedelta

from kyanite.core.events import Began, Cancelled, Failed, RetryScheduled, Submitted, Succeeded
from kyanite.core.job import ErrorData, JobDetails
from kyanite.core.story import Story, tell

START = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
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


def test_each_event_is_one_line_with_its_time():
    story = Story(
        [
            Submitted(details=JOB, time=START),
            Began(attempt=1, time=START + timedelta(seconds=1.5)),
            RetryScheduled(error=ErrorData("Busy", "try later"), not_before=START, time=START + timedelta(seconds=2)),
            Failed(error=ErrorData("Broken", "for good"), time=START + timedelta(seconds=60)),
        ]
    )
    assert str(story).splitlines() == [
        "2026-01-02 03:04:05.678Z     +0.000 s  Submitted: 'tsp' to acme.solve, input of 1,234 bytes",
        "2026-01-02 03:04:07.178Z     +1.500 s  Began: execution 1",
        "2026-01-02 03:04:07.678Z     +2.000 s  RetryScheduled: Busy: try later; again at 03:04:05Z",
        "2026-01-02 03:05:05.678Z    +60.000 s  Failed: Broken: for good",
    ]


def test_endings_say_where_the_output_lies():
    succeeded = Succeeded(output_data_uri="kyanite:///o", output_hash="", output_size=5, time=START)
    assert tell([succeeded])[0].endswith("Succeeded: 5 bytes at kyanite:///o")
    assert tell([Cancelled(time=START, output_data_uri="kyanite:///o")])[0].endswith("best so far kept at kyanite:///o")
    assert tell([Cancelled(time=START)])[0].endswith("s  Cancelled")
    assert tell([]) == []
