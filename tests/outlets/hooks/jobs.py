"""Events with the rows of their jobs."""

from datetime import UTC, datetime

from kyanite.core.events import Succeeded
from kyanite.core.job import JobDetails, Status

TIME = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def details(**fields):
    given = {
        "id": "j1",
        "name": "A job",
        "provider_id": "local",
        "target": "local.echo",
        "container_uri": "kyanite://default/job-j1",
        "input_data_uri": "kyanite://default/job-j1/inputData",
        "status": Status.SUCCEEDED,
        "creation_time": TIME,
        "tags": ("night", "one, two"),
    }
    return JobDetails(**(given | fields))


def event(kind=Succeeded, **fields):
    given = {"workspace": "default", "job_id": "j1", "version": 3, "time": TIME, "event_id": "e7", "position": 12}
    output = {"output_data_uri": "kyanite://default/job-j1/outputData", "output_hash": "h", "output_size": 1}
    return kind(**(given | (output if kind is Succeeded else {}) | fields))
