"""Jobs to draw: a row and its story, made by hand, so that nothing has to run."""

from datetime import UTC, datetime, timedelta

from kyanite.core.events import Began, Inspected, RetryScheduled, Submitted, Succeeded
from kyanite.core.job import ErrorData, JobDetails, Needs, Status

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BUSY = ErrorData("Busy", "the service is busy")
SPINS = {"solutions": [{"configuration": {"0": 1}, "cost": -17.0}]}


def at(seconds):
    return START + timedelta(seconds=seconds)


def row(status=Status.SUCCEEDED, convergence=None, **fields):
    """A job that has executed and written an output, unless told otherwise."""
    given = {
        "id": "6f1c1c52-8a0e-4c6e-9c7e-0d4a1f1f2f10",
        "name": "three spins",
        "provider_id": "microsoft",
        "target": "microsoft.simulatedannealing.cpu",
        "container_uri": "kyanite:///default/job-1",
        "input_data_uri": "kyanite:///default/job-1/inputData",
        "output_data_uri": "kyanite:///default/job-1/outputData",
        "creation_time": START,
        "begin_execution_time": START,
        "status": status,
        "additional_properties": {} if convergence is None else {"convergence": convergence},
    }
    return JobDetails(**(given | fields))


def submitted():
    return Submitted(details=row(Status.WAITING), time=START)


def succeeded(seconds):
    return Succeeded(output_data_uri="kyanite:///o", output_hash="", output_size=5, time=at(seconds))


def inspected(seconds):
    return Inspected(needs=Needs(), time=at(seconds))


def retry(seconds):
    return RetryScheduled(error=BUSY, not_before=at(seconds + 1), time=at(seconds))


def began(seconds, attempt=1):
    return Began(attempt=attempt, time=at(seconds))


PLAIN = [submitted(), inspected(0.25), began(0.5), succeeded(2.0)]
