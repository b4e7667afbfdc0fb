"""The contracts between the runtime and what can be exchanged: stores, blobs, providers, subscribers, clocks.

Every method that awaits may fail, hang, succeed with the answer lost, or be cancelled; each docstring says which of
these its caller must be ready for. The published suites in `kyanite.testing` hold adapters to them.
"""

from __future__ import annotations

from kyanite.ports.blobs import Blob, BlobStore, Content
from kyanite.ports.clock import Clock, Entropy
from kyanite.ports.faces import (
    DeliveriesFace,
    Faces,
    JobsFace,
    LogFace,
    Request,
    SessionsFace,
    SubmissionFace,
    TargetsFace,
)
from kyanite.ports.jobs import (
    ATTEMPTS_KEPT,
    COUNTS,
    ORDERS,
    Cursor,
    JobQuery,
    JobStore,
    SessionQuery,
    Settlement,
    SortKey,
    Write,
    microseconds,
    sort_key,
)
from kyanite.ports.providers import Provider, Task
from kyanite.ports.subscribers import IN_ORDER, Manner, Receipt, Subscriber, Subscription

__all__ = [
    "ATTEMPTS_KEPT",
    "COUNTS",
    "IN_ORDER",
    "ORDERS",
    "Blob",
    "BlobStore",
    "Clock",
    "Content",
    "Cursor",
    "DeliveriesFace",
    "Entropy",
    "Faces",
    "JobQuery",
    "JobStore",
    "JobsFace",
    "LogFace",
    "Manner",
    "Provider",
    "Receipt",
    "Request",
    "SessionQuery",
    "SessionsFace",
    "Settlement",
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
