"""What a session is: jobs submitted under one heading, which ends as they do.

Only what its user decided is stored: that it was opened, as what, and when it was closed. How it stands follows from
that and from its jobs, anew each time, so that the two can never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime  # msgspec resolves the annotation at run time
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import asdict

from kyanite.core.job import FINAL, Status


class JobFailurePolicy(StrEnum):
    """What a failed job means for its session: `Abort`, the session has failed; `Continue`, nothing."""

    ABORT = "Abort"
    CONTINUE = "Continue"


class SessionStatus(StrEnum):
    """How a session stands, spelled as the official clients compare it. `Succeeded` and `Failed` are final for them."""

    WAITING = "Waiting"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Session(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """A session as it is stored. All times are aware and in UTC."""

    id: str
    name: str
    provider_id: str
    provider_spelt: str | None = None
    """How the provider's id was spelt when the session was opened, if otherwise than the provider spells it."""
    target: str | None = None
    job_failure_policy: JobFailurePolicy = JobFailurePolicy.ABORT
    workspace: str = "default"
    creation_time: datetime
    closed_time: datetime | None = None
    priority: int = 0
    tags: tuple[str, ...] = ()


class SessionDetails(Session, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """A session and how it stands: what users get."""

    status: SessionStatus
    begin_execution_time: datetime | None = None
    """When the first of its jobs began."""
    end_execution_time: datetime | None = None
    """When the last of its jobs ended, once the session takes no more and all of them have ended."""


class Tally(Struct, gc=False, frozen=True):
    """How a session's jobs stand: how many there are by status, when the first began and the last ended."""

    jobs: dict[str, int] = {}
    first_begin: datetime | None = None
    last_end: datetime | None = None


def derived(session: Session, tally: Tally) -> SessionDetails:
    """Return how a session stands: the one place where that is decided."""
    status = _status(session, tally.jobs)
    open_still = session.closed_time is None and status is not SessionStatus.FAILED
    ended = not open_still and not _unfinished(tally.jobs)
    return SessionDetails(
        **asdict(session),
        status=status,
        begin_execution_time=tally.first_begin,
        end_execution_time=(tally.last_end or session.closed_time) if ended else None,
    )


def _status(session: Session, jobs: Mapping[str, int]) -> SessionStatus:
    """A failed job fails its session under `Abort`, open or closed; else one ends when it is closed and all jobs have.

    Under `Continue` it ends as succeeded, whatever failed: the service's own word for that, `Failure(s)`, is not among
    those that the official client takes for an end, and it would wait for ever.
    """
    if session.job_failure_policy is JobFailurePolicy.ABORT and jobs.get(Status.FAILED):
        return SessionStatus.FAILED
    if session.closed_time is None:
        return SessionStatus.EXECUTING if any(jobs.values()) else SessionStatus.WAITING
    return SessionStatus.EXECUTING if _unfinished(jobs) else SessionStatus.SUCCEEDED


def _unfinished(jobs: Mapping[str, int]) -> bool:
    return any(count for status, count in jobs.items() if status not in FINAL)
