"""Kyanite: an asyncio-native job orchestrator with Azure Quantum's job model, self-hosted.

The names are imported when they are first used: the command line shows its help without loading the runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kyanite.core.events import (
        Amended,
        Began,
        Cancelled,
        CancelRequested,
        Checkpointed,
        Event,
        Failed,
        Inspected,
        Intended,
        Progressed,
        Resumed,
        RetryScheduled,
        Submitted,
        Succeeded,
        Suspended,
    )
    from kyanite.core.job import CostEstimate, ErrorData, JobDetails, Needs, OnInterrupt, Status, Target
    from kyanite.core.session import JobFailurePolicy, SessionDetails, SessionStatus
    from kyanite.core.story import Story
    from kyanite.errors import JobCancelled, JobFailed, KyaniteError, ProviderError, RetryableError
    from kyanite.ports import Provider, Task
    from kyanite.runtime.job import Job
    from kyanite.runtime.workspace import Workspace

__all__ = [
    "Amended",
    "Began",
    "CancelRequested",
    "Cancelled",
    "Checkpointed",
    "CostEstimate",
    "ErrorData",
    "Event",
    "Failed",
    "Inspected",
    "Intended",
    "Job",
    "JobCancelled",
    "JobDetails",
    "JobFailed",
    "JobFailurePolicy",
    "KyaniteError",
    "Needs",
    "OnInterrupt",
    "Progressed",
    "Provider",
    "ProviderError",
    "Resumed",
    "RetryScheduled",
    "RetryableError",
    "SessionDetails",
    "SessionStatus",
    "Status",
    "Story",
    "Submitted",
    "Succeeded",
    "Suspended",
    "Target",
    "Task",
    "Workspace",
]

_HOMES = (
    "kyanite.core.job",
    "kyanite.core.events",
    "kyanite.core.session",
    "kyanite.core.story",
    "kyanite.errors",
    "kyanite.ports",
    "kyanite.runtime.job",
    "kyanite.runtime.workspace",
)
"""Where the names are defined, each module standing on those before it."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = import_module(home)
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
