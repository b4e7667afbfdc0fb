"""What a daemon says is wrong is raised as it would be without it."""

import inspect

import msgspec
import pytest

from kyanite import errors
from kyanite.client.problems import Refused, error_of, retry_after_s
from kyanite.errors import AccessDenied, InfrastructureError, InvalidRequest, KyaniteError, QuotaExceeded


def raised():
    """An instance of every error that a request can end in."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not issubclass(kind, KyaniteError) or issubclass(kind, errors.JobEnded):
            continue
        needed = [
            parameter
            for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        ]
        yield kind(*(f"{parameter.name} ☃: {name}" if parameter.name != "pid" else 7 for parameter in needed))


def told(error, status=400, headers=None):
    problem = {"type": "urn:x", "title": "t", "status": status, "code": type(error).__name__, "detail": str(error)}
    if isinstance(error, InvalidRequest):
        problem["field"] = error.field
    return error_of(status, headers or {}, msgspec.json.encode(problem))


@pytest.mark.parametrize("error", [*raised()], ids=lambda error: type(error).__name__)
def test_every_error_comes_back_as_itself(error):
    back = told(error)
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert getattr(back, "field", None) == getattr(error, "field", None)


def test_a_quota_says_when_to_come_back():
    error = told(QuotaExceeded("too many"), 429, {"Retry-After": "12"})
    assert error.retry_after_s == 12.0
    assert told(QuotaExceeded("too many"), 429).retry_after_s is None
    assert retry_after_s({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "Unauthorized", AccessDenied),
        (403, "Forbidden", AccessDenied),
        (409, "JobNotEnded", Refused),
        (404, "NotFound", Refused),
        (500, "InternalServerError", InfrastructureError),
        (413, "RequestBodyTooLarge", InvalidRequest),
        # Names of this module that are no errors, or that no request ends in, are codes like any other.
        (409, "JobFailed", Refused),
        (409, "Exception", Refused),
    ],
)
def test_what_is_known_by_no_name_is_known_by_its_status(status, code, kind):
    error = error_of(status, {}, msgspec.json.encode({"code": code, "detail": "why"}))
    assert type(error) is kind
    assert str(error).endswith(": why")
    assert getattr(error, "field", "body") == "body"
    assert getattr(error, "code", code) == code


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"code": 5}', b'{"detail": "x"}', b"[" * 10_000])
def test_what_is_no_problem_is_told_as_that(body):
    error = error_of(418, {}, body)
    assert type(error) is InfrastructureError
    assert "418" in str(error)
