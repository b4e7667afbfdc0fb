"""Jobs and sessions in the words of Azure Quantum's REST interface. Pure.

Statuses are spelled alike here and there; everything else that differs is translated in this file, and what clients
send is in `bodies`. Both generations of clients ignore fields that they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from kyanite.core.job import CostEstimate, ErrorData, JobDetails
from kyanite.core.session import SessionDetails
from kyanite.http.azure.query import ItemType, JobType

STANDARD, HIGH = "Standard", "High"
HIGH_PRIORITY: Final = 10
"""What `High` is here. Whatever is above 0 is shown as `High`."""

_JOB_TYPES: Final[Mapping[str, JobType]] = {
    **dict.fromkeys(("microsoft", "1qbit", "toshiba"), JobType.OPTIMIZATION),
    **dict.fromkeys(("ionq", "quantinuum", "rigetti", "pasqal", "qci", "honeywell"), JobType.QUANTUM_COMPUTING),
}
_ESTIMATOR: Final = "microsoft.estimator"


class Links(Struct, frozen=True):
    """The signed addresses that a job is shown with: of its container, its input, and its output, now or to come."""

    container: str
    input: str
    output: str


def job(details: JobDetails, links: Links, *, old: bool = False) -> dict[str, Any]:
    """Return a job as its clients read it; `old` for the generation that wants texts for all metadata."""
    return {
        "id": details.id,
        "name": details.name,
        "itemType": ItemType.JOB,
        "jobType": job_type(details.target),
        "containerUri": links.container,
        "inputDataUri": links.input,
        "inputDataFormat": details.input_data_format,
        "inputParams": details.input_params,
        "providerId": details.provider_spelt or details.provider_id,
        "target": details.target,
        "metadata": _texts(details.metadata) if old else details.metadata,
        # Shown from the beginning: clients print it for every job, and it leads to the output once there is one.
        "outputDataUri": links.output,
        "outputDataFormat": details.output_data_format,
        "sessionId": details.session_id,
        "priority": priority_text(details.priority),
        "tags": details.tags,
        "status": details.status,
        "creationTime": moment(details.creation_time),
        "beginExecutionTime": moment(details.begin_execution_time),
        "endExecutionTime": moment(details.end_execution_time),
        "cancellationTime": moment(details.cancellation_time),
        "lastUpdatedTime": moment(details.updated_time),
        "costEstimate": None if details.cost_estimate is None else _cost(details.cost_estimate),
        "errorData": None if details.error_data is None else _error(details.error_data),
    }


def amended(details: JobDetails) -> dict[str, Any]:
    """Return what the newer client is answered to a change of a job's labels."""
    return {
        "id": details.id,
        "name": details.name,
        "priority": priority_text(details.priority),
        "tags": details.tags,
    }


def session(details: SessionDetails) -> dict[str, Any]:
    """Return a session as its clients read it."""
    return {
        "id": details.id,
        "name": details.name,
        "itemType": ItemType.SESSION,
        "providerId": details.provider_spelt or details.provider_id,
        "target": details.target,
        "jobFailurePolicy": details.job_failure_policy,
        "status": details.status,
        "priority": priority_text(details.priority),
        "tags": details.tags,
        "creationTime": moment(details.creation_time),
        "beginExecutionTime": moment(details.begin_execution_time),
        "endExecutionTime": moment(details.end_execution_time),
        "costEstimate": None,
        "errorData": None,
    }


def job_type(target: str) -> JobType:
    """Return what the jobs of a target are for, as far as its name tells."""
    if target == _ESTIMATOR:
        return JobType.QUANTUM_COMPUTING
    return _JOB_TYPES.get(target.partition(".")[0], JobType.UNKNOWN)


def priority_text(priority: int) -> str:
    """Return a priority in the service's two words."""
    return HIGH if priority > 0 else STANDARD


def moment(time: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, with six decimals or none."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in metadata.items()
    }


def _error(error: ErrorData) -> dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "target": error.target,
        "details": [{"code": error.code, "message": text} for text in error.details],
    }


def _cost(cost: CostEstimate) -> dict[str, Any]:
    return {
        "currencyCode": cost.currency_code,
        "estimatedTotal": cost.estimated_total,
        "events": [
            {
                "dimensionId": event.dimension_id,
                "dimensionName": event.dimension_name,
                "measureUnit": event.measure_unit,
                "amountBilled": event.amount_billed,
                "amountConsumed": event.amount_consumed,
                "unitPrice": event.unit_price,
            }
            for event in cost.events
        ],
    }
