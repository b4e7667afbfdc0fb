"""The contracts between the runtime and what can be exchanged: stores, blobs, providers, subscribers, clocks.

Every method that awaits may fail, hang, succeed with the answer lost, or be cancelled; each docstring says which of
these its caller must be ready for. The published suites in `kyanite.testing` hold adapters to them.
"""

from __future__ import annotations

from kyanite.ports.blobs import Blob, BlobStore, Content
from kyanite.ports.clock import Clock, Entropy
from kyanite.ports.faces import (
    Faces,
    JobsFace,
    LogFace,
    Request,
    SessionsFace,
    SubmissionFace,
    Subscription,
    TargetsFace,
)
from kyanite.ports.jobs import (
    COUNTS,
    ORDERS,
    Cursor,
    JobQuery,
    JobStore,
    SessionQuery,
    SortKey,
    Write,
    microseconds,
    sort_key,
)
from kyanite.ports.providers import Provider, Subscriber, Task

__all__ = [
    "COUNTS",
    "ORDERS",
    "Blob",
    "BlobStore",
    "Clock",
    "Content",
    "Cursor",
    "Entropy",
    "Faces",
    "JobQuery",
    "JobStore",
    "JobsFace",
    "LogFace",
    "Provider",
    "Request",
    "SessionQuery",
    "SessionsFace",
    "SortKey",
    "SubmissionFace",
    "Subscriber",
    "Subscription",
    "TargetsFace",
    "Task",
    "Write",
    "microseconds",
    "sort_key",
]
