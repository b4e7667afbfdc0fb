"""What can go wrong, by whose doing: the caller's, the provider's, or the infrastructure's.

One base, `KyaniteError`. Each leaf's docstring is the first half of its message; the particulars are the second.
"""

from __future__ import annotations

from collections.abc import Sequence

from kyanite.core.events import Event
from kyanite.core.job import ErrorData, JobDetails
from kyanite.core.lifecycle import InvalidTransition
from kyanite.core.story import tell

__all__ = [
    "AccessDenied",
    "BlobCorrupt",
    "BlobExists",
    "BlobMissing",
    "CallerError",
    "ConfigError",
    "Conflict",
    "IdConflict",
    "InfrastructureError",
    "InvalidRequest",
    "InvalidTransition",
    "JobCancelled",
    "JobEnded",
    "JobFailed",
    "JobNotFound",
    "KyaniteError",
    "NotHere",
    "OutputMissing",
    "PreconditionFailed",
    "ProviderError",
    "QueueFull",
    "QuotaExceeded",
    "ReadOnly",
    "RetryableError",
    "SessionClosed",
    "SessionNotFound",
    "StorageFull",
    "StoreCorrupt",
    "StoreOwned",
    "StoreUnavailable",
    "Undelivered",
    "UnknownTarget",
    "Unreachable",
    "WorkspaceClosed",
    "WorkspaceNotFound",
]


class KyaniteError(Exception):
    """Something went wrong in Kyanite."""

    def __init__(self, particulars: str = "") -> None:
        """Join the leaf's docstring and the particulars to one message."""
        summary = (type(self).__doc__ or "").partition("\n")[0].rstrip(".")
        super().__init__(f"{summary}: {particulars}" if particulars else summary)


# The caller's doing -------------------------------------------------------------------------------------------------


class CallerError(KyaniteError):
    """The request can not be served as it is."""


class InvalidRequest(CallerError, ValueError):
    """The request is not valid."""

    def __init__(self, field: str, problem: str) -> None:
        """Name the field at fault and what is wrong with it."""
        self.field = field
        super().__init__(f"{field} {problem}")


class ConfigError(CallerError, ValueError):
    """The configuration is not valid."""


class UnknownTarget(CallerError, LookupError):
    """No such target is registered."""


class JobNotFound(CallerError, LookupError):
    """No such job."""


class SessionNotFound(CallerError, LookupError):
    """No such session."""


class SessionClosed(CallerError):
    """The session takes no more jobs."""


class IdConflict(CallerError):
    """Another job has this id already."""


class QueueFull(CallerError):
    """Too many jobs are waiting."""


class QuotaExceeded(CallerError):
    """The workspace has all that it may have."""

    def __init__(self, particulars: str, retry_after_s: float | None = None) -> None:
        """Name the bound, and say when to come back, if that is known."""
        self.retry_after_s = retry_after_s
        super().__init__(particulars)


class PreconditionFailed(CallerError):
    """The job has changed since it was looked at."""


class WorkspaceNotFound(CallerError, LookupError):
    """No such workspace."""


class AccessDenied(CallerError):
    """The key does not allow this."""


class NotHere(CallerError):
    """Only the process that has the workspace open can do this."""


class ReadOnly(CallerError):
    """The workspace is open for reading only."""


class WorkspaceClosed(CallerError):
    """The workspace is not open."""


class JobEnded(CallerError, RuntimeError):
    """The job ended without a result."""

    def __init__(self, details: JobDetails, story: Sequence[Event] = ()) -> None:
        """Keep the row and the story, and show both."""
        self.details = details
        self.story = tuple(story)
        error = details.error_data
        reason = f" with {error.code}: {error.message}" if error else ""
        lines = "".join(f"\n  {line}" for line in tell(self.story))
        super().__init__(f"{details.name!r} ({details.id}) {details.status.value.lower()}{reason}{lines}")


class JobFailed(JobEnded):
    """The job failed."""


class JobCancelled(JobEnded):
    """The job was cancelled."""


# The provider's doing -----------------------------------------------------------------------------------------------


class ProviderError(KyaniteError):
    """The provider could not do the job.

    `code` is for programs, `target` names the field at fault. Anything else that a provider raises is recorded as
    `ProviderFault` with the exception's own words.
    """

    def __init__(self, code: str, message: str, *, target: str | None = None, details: Sequence[str] = ()) -> None:
        """Keep what the job's error data will say."""
        self.error = ErrorData(code, message, target, tuple(details))
        super().__init__(f"{code}: {message}")


class RetryableError(ProviderError):
    """The provider could not do the job this time.

    The job is tried again after a pause, as long as its `attempts_max` allows.
    """


class OutputMissing(ProviderError):
    """The provider returned without writing an output."""

    def __init__(self) -> None:
        """Say it in the words of a job's error data."""
        super().__init__("OutputMissing", "the provider returned without writing an output")


# The infrastructure's doing -----------------------------------------------------------------------------------------


class InfrastructureError(KyaniteError):
    """A part that Kyanite stands on does not do its work."""


class StoreUnavailable(InfrastructureError):
    """The store did not answer; whether a write took effect is not known."""


class Unreachable(InfrastructureError):
    """The daemon does not answer."""


class Undelivered(InfrastructureError):
    """The event was not taken.

    What a subscriber may raise to say more than that: the `status` of HTTP or the exit status of a command, an
    `excerpt` of what was answered, and when the other side wants to be asked again, which also holds up other events
    for the same subscriber.
    """

    def __init__(
        self, particulars: str, *, status: int | None = None, excerpt: str = "", retry_after_s: float | None = None
    ) -> None:
        """Keep what the log of deliveries will say."""
        self.particulars = particulars
        self.status = status
        self.excerpt = excerpt
        self.retry_after_s = retry_after_s
        super().__init__(particulars)


class StorageFull(InfrastructureError):
    """No space is left where jobs or blobs are stored."""


class StoreCorrupt(InfrastructureError):
    """The store holds something that can not be right."""


class StoreOwned(InfrastructureError):
    """Another process has this store open."""

    def __init__(self, where: str, pid: int | None, endpoint: str | None = None) -> None:
        """Name the store, its owner, and where the owner can be reached."""
        self.pid = pid
        self.endpoint = endpoint
        reach = f" at {endpoint}" if endpoint else ""
        super().__init__(
            f"{where} belongs to process {pid or 'unknown'}{reach}; open it read-only, or stop that process"
        )


class Conflict(InfrastructureError):
    """The stored row is not the one that the change was made for."""


class BlobMissing(InfrastructureError, LookupError):
    """No such blob."""


class BlobExists(InfrastructureError):
    """A blob of this name exists already."""


class BlobCorrupt(InfrastructureError):
    """A blob's content is not what was written."""
