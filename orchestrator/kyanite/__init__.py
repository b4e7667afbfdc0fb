"""Kyanite: an asyncio-native job orchestrator with Azure Quantum's job model, self-hosted."""

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
    "KyaniteError",
    "Needs",
    "OnInterrupt",
    "Progressed",
    "Provider",
    "ProviderError",
    "Resumed",
    "RetryScheduled",
    "RetryableError",
    "Status",
    "Story",
    "Submitted",
    "Succeeded",
    "Suspended",
    "Target",
    "Task",
    "Workspace",
]
