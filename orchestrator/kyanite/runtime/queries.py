"""What a caller of `list_jobs` and `count_jobs` writes, as a query the store understands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.ports import ORDERS, JobQuery

T = TypeVar("T")
OneOrMany: TypeAlias = T | Iterable[T] | None


def job_query(  # noqa: PLR0913  # one parameter a filter, as its callers write them
    workspace: str,
    *,
    status: OneOrMany[str] = None,
    target: OneOrMany[str] = None,
    provider: OneOrMany[str] = None,
    name_prefix: str = "",
    id_prefix: str = "",
    tag: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    order: str = "creation_time",
    descending: bool = False,
    limit: int = 200,
) -> JobQuery:
    """Return the query. Times without a zone are UTC. Raises `InvalidRequest` naming the filter at fault."""
    if order not in ORDERS:
        raise InvalidRequest("order", f"is {order!r}, not one of {', '.join(ORDERS)}")
    return JobQuery(
        workspace=workspace,
        status=tuple(_status(value) for value in _many("status", status)),
        target=_many("target", target),
        provider_id=_many("provider", provider),
        name_prefix=name_prefix,
        id_prefix=id_prefix,
        tag=tag,
        created_after=_utc("created_after", created_after),
        created_before=_utc("created_before", created_before),
        order=order,
        descending=descending,
        limit=limit,
    )


def _many(field: str, value: OneOrMany[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    values = (value,) if isinstance(value, str) else tuple(value)
    for item in values:
        if not isinstance(item, str):
            raise InvalidRequest(field, f"contains {item!r}, which is no text")
    return tuple(dict.fromkeys(values))


def _status(value: str) -> Status:
    try:
        return Status(value)
    except ValueError:
        raise InvalidRequest("status", f"is {value!r}, not one of {', '.join(Status)}") from None


def _utc(field: str, time: datetime | None) -> datetime | None:
    if time is None:
        return None
    if not isinstance(time, datetime):
        raise InvalidRequest(field, f"is {time!r}, not a datetime")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
