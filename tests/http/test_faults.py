import inspect

import msgspec
import pytest

from kyanite import errors
from kyanite.errors import (
    BlobMissing,
    IdConflict,
    InvalidRequest,
    JobNotFound,
    QueueFull,
    SessionClosed,
    SessionNotFound,
    StorageFull,
    StoreUnavailable,
    UnknownTarget,
)
from kyanite.http.faults import STATUSES, fault


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (InvalidRequest("name", "is missing"), 400, None),
        (UnknownTarget("'x'"), 400, None),
        (JobNotFound("a"), 404, None),
        (SessionNotFound("s"), 404, None),
        (IdConflict("a"), 409, None),
        (SessionClosed("s"), 409, None),
        (QueueFull("1 job waits"), 429, "5"),
        (StoreUnavailable("locked"), 503, "2"),
        (StorageFull("disk"), 507, None),
    ],
)
def test_what_a_client_is_told(error, status, retry_after):
    answer = fault(error)
    assert (answer.status, answer.headers.get("Retry-After")) == (status, retry_after)
    assert answer.content_type == "application/json"
    assert msgspec.json.decode(answer.body) == {"error": {"code": type(error).__name__, "message": str(error)}}


def test_what_no_client_could_do_better_is_not_told():
    assert fault(BlobMissing("default/job-a/inputData")) is None


def test_every_fault_of_a_caller_that_a_request_can_have_has_a_status():
    callers = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.CallerError)}
    others = {errors.CallerError, errors.ConfigError, errors.JobEnded, errors.JobFailed, errors.JobCancelled}
    assert callers - others <= STATUSES.keys()
