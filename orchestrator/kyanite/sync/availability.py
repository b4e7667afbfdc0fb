"""Which targets there are, whether they can be used, and how long their queues are."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

import kyanite
from kyanite.core.job import Status

if TYPE_CHECKING:
    from kyanite.sync.workspace import Workspace

SAMPLE = 20
"""How many of the newest jobs say how long the queue is."""
AVAILABLE = "Available"
UNAVAILABLE = "Unavailable"


class Refreshable(Protocol):
    """What shows how a target is."""

    workspace: Workspace
    name: str
    average_queue_time: float | None
    current_availability: str


def served(workspace: Workspace) -> list[kyanite.Target]:
    """Return the targets that jobs can be submitted to, by id."""

    async def targets(opened: kyanite.Workspace) -> list[kyanite.Target]:
        return opened.targets()

    return workspace.call(targets)


def refresh(target: Refreshable) -> None:
    """Bring a target's availability and queue time up to date. Raises `ValueError` if nobody serves it here."""
    if target.name not in {known.id for known in served(target.workspace)}:
        target.current_availability = UNAVAILABLE
        raise ValueError(f"target {target.name!r} is served by nobody here")
    target.current_availability = AVAILABLE
    target.average_queue_time = queue_time_s(target.workspace, target.name)


def queue_time_s(workspace: Workspace, target_id: str) -> float:
    """Return how long the newest jobs of this target waited, on average; 0 if none has begun."""
    newest = [job.details for job in workspace.list_jobs(target=target_id, descending=True, limit=SAMPLE)]
    waited_s = [
        (details.begin_execution_time - details.creation_time).total_seconds()
        for details in newest
        if details.begin_execution_time is not None
    ]
    return round(sum(waited_s) / len(waited_s), 3) if waited_s else 0.0


def quotas(workspace: Workspace) -> list[dict[str, Any]]:
    """Return a quota for each provider, with the keys of the SDK: its slots, and how many jobs execute in them."""
    slots: dict[str, int] = defaultdict(int)
    for target in served(workspace):
        slots[target.provider_id] = max(slots[target.provider_id], target.slots)
    return [
        {
            "dimension": "concurrent_jobs",
            "scope": "Workspace",
            "provider_id": provider_id,
            "utilization": float(workspace.count_jobs(status=Status.EXECUTING, provider=provider_id)),
            "holds": 0.0,
            "limit": float(limit),
            "period": "None",
        }
        for provider_id, limit in sorted(slots.items())
    ]
