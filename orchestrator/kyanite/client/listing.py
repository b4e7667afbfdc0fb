"""Listings of a daemon: filters as a query, and pages one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from kyanite.client.answers import read
from kyanite.client.connection import Connection
from kyanite.errors import InvalidRequest

T = TypeVar("T")

PAGE_MAX: Final = 1_000
"""The most that a daemon answers at once."""
SESSION_FILTERS: Final = frozenset(
    {"target", "provider", "name_prefix", "created_after", "created_before", "descending", "after"}
)
JOB_FILTERS: Final = SESSION_FILTERS | {"status", "id_prefix", "tag", "session_id", "order"}
_SEVERAL: Final = frozenset({"status", "target", "provider"})
_TIMES: Final = frozenset({"created_after", "created_before"})


class Page(Struct, Generic[T]):
    """A part of a listing, and where the next begins, if there is one."""

    items: list[T]
    next: str | None = None


def query_of(filters: Mapping[str, Any], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return filters as the daemon reads them, which also looks at their values. Raises `InvalidRequest`."""
    if unknown := set(filters) - set(known):
        raise TypeError(f"there is no filter {min(unknown)!r}")
    pairs: list[tuple[str, str]] = []
    for name, value in filters.items():
        pairs += [(name, text) for text in _texts(name, value)]
    return pairs


async def items(
    connection: Connection,
    where: str,
    query: list[tuple[str, str]],
    decoder: msgspec.json.Decoder[Page[T]],
    *,
    size: int = PAGE_MAX,
    limit: int | None = None,
) -> AsyncIterator[T]:
    """Yield what is listed, at most `limit`, fetched `size` at a time as the caller goes on."""
    size = max(1, min(size, PAGE_MAX, PAGE_MAX if limit is None else limit))
    left, cursor = limit, ""
    while left is None or left > 0:
        place = [("cursor", cursor)] if cursor else []
        answer = await connection.ask("GET", where, [*query, ("limit", str(size)), *place])
        page = read(answer.body, decoder)
        for item in page.items[:left]:
            yield item
        if page.next is None:
            return
        left = None if left is None else left - len(page.items)
        cursor = page.next


def _texts(name: str, value: Any) -> list[str]:
    if value is None or (value == "" and name.endswith("_prefix")):
        return []
    if name in _SEVERAL:
        values = [value] if isinstance(value, str) else list(value)
        for item in values:
            if not isinstance(item, str):
                raise InvalidRequest(name, f"contains {item!r}, which is no text")
        return [str(item) for item in values]
    if name in _TIMES:
        return [_time(name, value)]
    if name == "after":
        return [_place(value)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _time(name: str, value: Any) -> str:
    if not isinstance(value, datetime):
        raise InvalidRequest(name, f"is {value!r}, not a datetime")
    return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).isoformat()


def _place(value: Any) -> str:
    """Return where to go on as JSON; what JSON can not say is nowhere."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest("after", f"is not where anything stands: {error}") from error
