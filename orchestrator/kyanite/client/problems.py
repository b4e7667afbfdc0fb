"""Problem details (RFC 9457) of a daemon, as the errors that the same call raises where the workspace is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from kyanite import errors
from kyanite.errors import AccessDenied, CallerError, InfrastructureError, InvalidRequest, KyaniteError, QuotaExceeded

TRY_AGAIN: Final = frozenset({502, 503, 504})
"""The answers of a daemon, or of what stands before it, that can not answer at the moment."""
_KINDS: Final[dict[str, type[KyaniteError]]] = {
    name: kind
    for name in errors.__all__
    if issubclass(kind := getattr(errors, name), KyaniteError) and not issubclass(kind, errors.JobEnded)
}


CURSOR_NOT_FOUND: Final = "CursorNotFound"


class Refused(CallerError):
    """The daemon does not do this."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep the daemon's own code, for which there is no error here."""
        self.code = code
        super().__init__(detail)


class Problem(Struct):
    """What a daemon says of a request that it did not serve; all else that the answer holds is for people."""

    code: str = ""
    detail: str = ""
    field: str = ""


def error_of(status: int, headers: Mapping[str, str], body: bytes, sent: str = "body") -> KyaniteError:
    """Return the error that an answer stands for: of the same class and with the same words as where it arose.

    `sent` is the field that the request's body is of.
    """
    problem = problem_in(body)
    if problem is None:
        return InfrastructureError(f"the answer was {status}, and not one of a Kyanite daemon")
    kind = _KINDS.get(problem.code)
    if kind is None:
        return _foreign(status, problem, sent)
    # The detail is the whole message: what a class makes its own of is not known here, and need not be.
    error = kind.__new__(kind, problem.detail)
    if isinstance(error, InvalidRequest):
        error.field = problem.field
    if isinstance(error, QuotaExceeded):
        error.retry_after_s = retry_after_s(headers)
    return error


def problem_in(body: bytes) -> Problem | None:
    """Return the problem that an answer tells of, if it is a daemon's."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (ValueError, RecursionError):  # what msgspec raises, for text that is none, too
        return None
    return problem if problem.code else None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `Retry-After`, which a daemon never writes as a date."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() else None


def _foreign(status: int, problem: Problem, sent: str) -> KyaniteError:
    if status == 413:
        return InvalidRequest(sent, f"is too long: {problem.detail}")
    if status in {401, 403}:
        return AccessDenied(problem.detail)
    return Refused(problem.code, problem.detail) if status < 500 else InfrastructureError(problem.detail)
