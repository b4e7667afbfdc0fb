"""What a caller of `list_jobs`, `count_jobs` and `list_sessions` writes, as a query the store understands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar, cast

from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.ports import ORDERS, JobQuery, SessionQuery, SortKey

T = TypeVar("T")
OneOrMany: TypeAlias = T | Iterable[T] | None

NUMBER_MAX = 1 << 63
"""What a store's numbers stay below."""
KEYS: dict[str, tuple[type, ...]] = {"creation_time": (int, str), "rank": (float, str)}
"""What the sort keys of an order are made of, where it is not a text and the creation time."""


def job_query(  # noqa: PLR0913  # one parameter a filter, as its callers write them
    workspace: str,
    *,
    status: OneOrMany[str] = None,
    target: OneOrMany[str] = None,
    provider: OneOrMany[str] = None,
    name_prefix: str = "",
    id_prefix: str = "",
    tag: str | None = None,
    session_id: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    order: str = "creation_time",
    descending: bool = False,
    after: Any = None,
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
        session_id=session_id,
        created_after=_utc("created_after", created_after),
        created_before=_utc("created_before", created_before),
        order=order,
        descending=descending,
        after=_sort_key(after, order),
        limit=limit,
    )


def session_query(  # noqa: PLR0913  # one parameter a filter, as its callers write them
    workspace: str,
    *,
    target: OneOrMany[str] = None,
    provider: OneOrMany[str] = None,
    name_prefix: str = "",
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    descending: bool = False,
    after: Any = None,
) -> SessionQuery:
    """Return the query. Times without a zone are UTC. Raises `InvalidRequest` naming the filter at fault."""
    return SessionQuery(
        workspace=workspace,
        target=_many("target", target),
        provider_id=_many("provider", provider),
        name_prefix=name_prefix,
        created_after=_utc("created_after", created_after),
        created_before=_utc("created_before", created_before),
        descending=descending,
        after=_sort_key(after, "creation_time"),
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


def _sort_key(value: Any, order: str) -> SortKey | None:
    """Return where to go on: a caller may hand back what it was given by way of JSON, or of somebody else."""
    if value is None:
        return None
    kinds = KEYS.get(order, (str, int, str))
    if not isinstance(value, list | tuple) or len(value) != len(kinds) or not all(map(_is_part, value, kinds)):
        raise InvalidRequest("after", f"is not where anything stands by {order}")
    return tuple(value)


def _is_part(value: object, kind: type) -> bool:
    """Tell whether this is part of a sort key, and of a size that every store takes."""
    if kind is str:
        return isinstance(value, str) and not any(0xD800 <= ord(character) < 0xE000 for character in value)
    number = isinstance(value, int) or (kind is float and isinstance(value, float))
    return number and not isinstance(value, bool) and -NUMBER_MAX < cast("float", value) < NUMBER_MAX


def _utc(field: str, time: datetime | None) -> datetime | None:
    if time is None:
        return None
    if not isinstance(time, datetime):
        raise InvalidRequest(field, f"is {time!r}, not a datetime")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
