"""The arguments of a command, and what stands in braces in them: `{job.name}`; `{{` and `}}` are braces."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kyanite.core.events import Event
from kyanite.core.job import ErrorData, JobDetails
from kyanite.errors import ConfigError

VALUE_LENGTH_MAX = 4_096
"""Linux takes up to 128 KiB as one argument."""
_MARK = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

PLACEHOLDERS: dict[str, Callable[[Event, JobDetails], object]] = {
    "job.id": lambda event, _job: event.job_id,
    "job.name": lambda _event, job: job.name,
    "job.status": lambda _event, job: job.status,
    "job.target": lambda _event, job: job.target,
    "job.provider_id": lambda _event, job: job.provider_id,
    "job.workspace": lambda event, _job: event.workspace,
    "job.session_id": lambda _event, job: job.session_id or "",
    "job.tags": lambda _event, job: ",".join(job.tags),
    "event.id": lambda event, _job: event.event_id,
    "event.type": lambda event, _job: type(event).__name__,
    "event.time": lambda event, _job: event.time.isoformat(),
    "event.version": lambda event, _job: event.version,
    "event.position": lambda event, _job: event.position,
    "error.code": lambda event, job: error.code if (error := _error(event, job)) else "",
    "error.message": lambda event, job: error.message if (error := _error(event, job)) else "",
}


def checked(path: str, command: Sequence[str]) -> None:
    """Refuse a command that can not be run: without a program, or with a placeholder that there is not.

    `path` is that of the setting. Raises `ConfigError`.
    """
    if not command or not command[0]:
        raise ConfigError(f"{path} names no program")
    for index, argument in enumerate(command):
        if "\0" in argument:
            raise ConfigError(f"{path}.{index} has a zero byte in it")
        if index == 0:
            if any(mark[1] in PLACEHOLDERS for mark in _MARK.finditer(argument)):
                raise ConfigError(f"{path}.0 is the program, in which nothing is replaced")
            continue
        for mark in _MARK.finditer(argument):
            if mark[0] not in {"{{", "}}"} and mark[1] not in PLACEHOLDERS:
                there_are = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise ConfigError(
                    f"{path}.{index} has {mark[0]} in it; there are {there_are}, and {{{{ }}}} for braces"
                )


def filled(command: Sequence[str], event: Event, details: JobDetails) -> list[bytes]:
    """Return the program as it is, and the arguments with values in place of what stands for them.

    A value is cut to 4,096 characters, and zero bytes in it are left out. Nothing reads what has been put in again.
    """

    def replaced(mark: re.Match[str]) -> str:
        if mark[1] is None:
            return mark[0][0]
        return str(PLACEHOLDERS[mark[1]](event, details)).replace("\0", "")[:VALUE_LENGTH_MAX]

    program, *arguments = command
    return [text.encode(errors="replace") for text in (program, *(_MARK.sub(replaced, each) for each in arguments))]


def _error(event: Event, details: JobDetails) -> ErrorData | None:
    """Return the error that the event tells of, or else the job's."""
    error = getattr(event, "error", None)
    return error if isinstance(error, ErrorData) else details.error_data
