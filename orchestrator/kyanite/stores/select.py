"""Queries over jobs and sessions as SQL: which rows, in which order, from where on. Values are always parameters."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from kyanite.core.job import Status
from kyanite.ports import COUNTS, ORDERS, JobQuery, SessionQuery, microseconds
from kyanite.stores.queries import load

SQL = load("sqlite.sql")
COLUMNS = {"creation_time": ("created", "id"), "rank": ("rank", "id")}
LAST_CHARACTER = "\U0010ffff"
WAITING = (Status.WAITING,)
"""Asked for literally: SQLite takes the index of waiting jobs, which then has all that is counted, for nothing else."""

Statement = tuple[str, list[Any]]


def session_statement(query: SessionQuery) -> Statement:
    """Return the statement that reads one page of sessions: their columns are called as those of jobs are."""
    return page_statement(JobQuery(**asdict(query)), SQL["page_sessions"])


def page_statement(query: JobQuery, rows: str = SQL["page_jobs"]) -> Statement:
    """Return the statement that reads one page of these rows."""
    if query.order not in ORDERS:
        message = f"order {query.order!r} is not one of {', '.join(ORDERS)}"
        raise ValueError(message)
    columns = COLUMNS.get(query.order, (query.order, "created", "id"))
    where, parameters = _filters(query)
    if query.after is not None:
        # The first column alone, too, so that an index finds where to begin.
        sign = "<" if query.descending else ">"
        row, marks = ", ".join(columns), ", ".join("?" * len(columns))
        where += f" AND {columns[0]} {sign}= ? AND ({row}) {sign} ({marks})"
        parameters += [query.after[0], *query.after]
    direction = " DESC" if query.descending else ""
    order = ", ".join(column + direction for column in columns)
    return f"{_found(rows, query)}{where} ORDER BY {order} LIMIT ?", [*parameters, query.limit]


def count_statement(query: JobQuery, by: str | None) -> Statement:
    """Return the statement that counts, in one group or in one for each value of a column."""
    where, parameters = _filters(query)
    counted = _found(SQL["count_jobs"], query)
    if by is None:
        return counted + where, parameters
    if by not in COUNTS:
        message = f"by={by!r} is not one of {', '.join(COUNTS)}"
        raise ValueError(message)
    group = by if not query.status or (by == "target" and query.status == WAITING) else f"+{by}"  # no index by it
    return counted.replace("SELECT ", f"SELECT {by}, ", 1) + f"{where} GROUP BY {group}", parameters


def _found(statement: str, query: JobQuery) -> str:
    """Have a session's jobs looked up one by one: any index leads through all of the workspace's."""
    return statement.replace("FROM jobs", "FROM jobs NOT INDEXED") if query.session_id else statement


def _filters(query: JobQuery) -> Statement:
    waiting = query.status == WAITING
    parts: list[str] = ["status = 'Waiting'"] if waiting else []
    parameters: list[Any] = [query.workspace]
    for column in ("target", "provider_id") if waiting else ("status", "target", "provider_id"):
        values = [str(value) for value in getattr(query, column)]
        if values:
            parts.append(f"{column} = ?" if len(values) == 1 else f"{column} IN ({', '.join('?' * len(values))})")
            parameters += values
    for column, prefix in (("name", query.name_prefix), ("id", query.id_prefix)):
        if prefix:
            parts.append(f"{column} >= ?")
            parameters.append(prefix)
        if past := _past(prefix):
            parts.append(f"{column} < ?")
            parameters.append(past)
    if query.tag is not None:
        parts.append(SQL["has_tag"])
        parameters.append(query.tag)
    if query.session_id is not None:
        parts.append(SQL["in_session"] if query.session_id else SQL["outside_sessions"])
        parameters += [query.session_id] if query.session_id else []
    for sign, time in ((">=", query.created_after), ("<=", query.created_before)):
        if time is not None:
            parts.append(f"created {sign} ?")
            parameters.append(microseconds(time))
    return "".join(f" AND {part}" for part in parts), parameters


def _past(prefix: str) -> str:
    """Return the least text greater than all that begins with the prefix; empty where no text is."""
    stem = prefix.rstrip(LAST_CHARACTER)
    if not stem:
        return ""
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # no text holds half a surrogate pair
