"""How commands end: the exit codes, and the one line that an error becomes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kyanite.core.job import JobDetails

TIME_LIMIT_CODE = "TimedOut"


class Exit(IntEnum):
    """The codes that a command ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    JOB_FAILED = 3
    JOB_CANCELLED = 4
    TIMED_OUT = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "done; of a job: it succeeded",
    Exit.ERROR: "an error, told in one line on stderr",
    Exit.USAGE: "the command line is not understood",
    Exit.JOB_FAILED: "the job failed",
    Exit.JOB_CANCELLED: "the job was cancelled",
    Exit.TIMED_OUT: "the job met its time limit, or --timeout passed first",
    Exit.INTERRUPTED: "interrupted with Ctrl-C (143: by SIGTERM)",
    Exit.BROKEN_PIPE: "nobody reads the output any more",
}
"""What `kyanite --help` says of them."""


class Stop(Exception):
    """Ends a command with one line on stderr and an exit code."""

    def __init__(self, message: str, code: int = Exit.ERROR) -> None:
        """Say why."""
        self.code = code
        super().__init__(message)


def code_of(jobs: Iterable[JobDetails]) -> Exit:
    """Return the exit code for how jobs ended: a failure weighs more than a time limit, and that than a cancel."""
    ends = {_end(details) for details in jobs}
    order = (Exit.JOB_FAILED, Exit.TIMED_OUT, Exit.JOB_CANCELLED)
    return next((code for code in order if code in ends), Exit.OK)


def _end(details: JobDetails) -> Exit:
    if details.error_data is not None and details.error_data.code == TIME_LIMIT_CODE:
        return Exit.TIMED_OUT
    ends = {"Failed": Exit.JOB_FAILED, "Cancelled": Exit.JOB_CANCELLED}
    return ends.get(details.status.value, Exit.OK)
