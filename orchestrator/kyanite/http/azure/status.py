"""What the workspace offers, and how busy it is: providers with their targets, and quotas."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from aiohttp import web

from kyanite.core.job import JobDetails, Status, Target
from kyanite.http.azure.answers import answer
from kyanite.http.azure.wire import moment
from kyanite.http.service import SERVICE, WORKSPACE, Service

NEWEST = 200
"""How many of the newest jobs tell how long jobs wait at present."""

_SERVICE_SPELLING: Final = {"microsoft": "Microsoft"}
"""Providers that the service spells with a capital here; clients compare some of the others letter by letter."""


async def provider_status(request: web.Request) -> web.Response:
    """GET `providerStatus`: each provider with its targets, and how long jobs for them wait."""
    service = request.app[SERVICE]
    newest = request[WORKSPACE].list_jobs(limit=NEWEST, page_size=NEWEST, descending=True)
    rows = [job.details async for job in newest]
    now = request[WORKSPACE].now()
    served = sorted(request[WORKSPACE].targets(), key=lambda target: (target.provider_id, target.id))
    value = [
        _provider(service, provider_id, list(targets), rows, now)
        for provider_id, targets in groupby(served, key=lambda target: target.provider_id)
    ]
    return answer({"value": value, "nextLink": None})


def _provider(
    service: Service, provider_id: str, targets: list[Target], rows: list[JobDetails], now: datetime
) -> dict[str, Any]:
    available = _availability(service)
    return {
        "id": _spelt(provider_id),
        "currentAvailability": available,
        "targets": [
            target_status(target.id, available, [row for row in rows if row.target == target.id], now)
            for target in targets
        ],
    }


def target_status(target_id: str, available: str, rows: list[JobDetails], now: datetime) -> dict[str, Any]:
    """Return a target with the average time, in whole seconds, that its newest jobs waited, or wait by now."""
    return {
        "id": target_id,
        "currentAvailability": available,
        "averageQueueTime": _average_wait_s(rows, now),
        "averageQueueTimeHighPriority": _average_wait_s((row for row in rows if row.priority > 0), now),
        "averageQueueTimeStandardPriority": _average_wait_s((row for row in rows if row.priority <= 0), now),
        "statusPage": None,
        "numQubits": None,
        "targetProfile": None,
        "metadata": None,
    }


def _average_wait_s(rows: Iterable[JobDetails], now: datetime) -> int:
    begun = [(row.begin_execution_time or now, row) for row in rows if _tells(row)]
    waits = [max(0.0, (until - row.creation_time).total_seconds()) for until, row in begun]
    return round(sum(waits) / len(waits)) if waits else 0


def _tells(row: JobDetails) -> bool:
    """Whether the row tells how long a job waits: it began, or would if it could."""
    return row.begin_execution_time is not None or row.status is Status.WAITING


def _spelt(provider_id: str) -> str:
    spelt = provider_id.lower()
    return _SERVICE_SPELLING.get(spelt, spelt)


def _availability(service: Service) -> str:
    return "Unavailable" if service.state.draining else "Available"


async def quotas(request: web.Request) -> web.Response:
    """GET `quotas`: the bounds that the configuration sets, and what of them is in use."""
    service = request.app[SERVICE]
    counts = await request[WORKSPACE].count_jobs("status", status=(Status.EXECUTING, Status.WAITING))
    cores = service.settings.limits.machine().cores
    value = [
        _quota("concurrent_cpu_jobs", "Microsoft", counts.get(Status.EXECUTING, 0), cores),
        _quota("waiting_jobs", "kyanite", counts.get(Status.WAITING, 0), service.settings.queue.waiting_max),
    ]
    return answer({"value": value, "nextLink": None})


def _quota(dimension: str, provider_id: str, utilization: float, limit: float) -> dict[str, Any]:
    return {
        "dimension": dimension,
        "scope": "Workspace",
        "providerId": provider_id,
        "utilization": utilization,
        "holds": 0,
        "limit": limit,
        "period": "None",
    }


async def quota_usages(request: web.Request) -> web.Response:
    """GET `quotaUsages`: how many jobs each target has that execute, and that wait."""
    workspace = request[WORKSPACE]
    executing = await workspace.count_jobs("target", status=Status.EXECUTING)
    waiting = await workspace.count_jobs("target", status=Status.WAITING)
    now = moment(workspace.now())
    value = [
        {
            "providerId": _spelt(target.provider_id),
            "scope": "WorkspaceTarget",
            "targetId": target.id,
            "usage": {"executingJobs": executing.get(target.id, 0), "waitingJobs": waiting.get(target.id, 0)},
            "lastModifiedTime": now,
        }
        for target in workspace.targets()
    ]
    return answer({"value": value, "nextLink": None})
