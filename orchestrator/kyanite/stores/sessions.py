"""Sessions in SQLite: a table of their own, and what their jobs' rows say of them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from kyanite.core.session import Session, Tally
from kyanite.ports import microseconds
from kyanite.stores.batch import SQL, Connection, Row
from kyanite.stores.seam import readable

SESSIONS_SINCE = 2
"""The version of the schema that sessions came with."""

_decoder = msgspec.json.Decoder(Session)


def decode_session(body: str) -> Session:
    """Read a session back. Raises `StoreCorrupt`."""
    return readable(_decoder.decode, body)


def insert(connection: Connection, session: Session) -> Session:
    """Store a session, unless there is one of this id; return the one there is."""
    row = (session.provider_id, session.target, session.name, _encoded(session))
    address = (session.workspace, session.id)
    connection.execute(SQL["open_session"], (*address, microseconds(session.creation_time), *row))
    return find(connection, *address) or session


def close(connection: Connection, workspace: str, session_id: str, time: datetime) -> Session | None:
    """Note when a session was closed, if it was not before."""
    session = find(connection, workspace, session_id)
    if session is None or session.closed_time is not None:
        return session
    closed = replace(session, closed_time=time)
    connection.execute(SQL["update_session"], (_encoded(closed), workspace, session_id))
    return closed


def find(connection: Connection, workspace: str, session_id: str) -> Session | None:
    """Return a session, or `None`."""
    found = [body for (body,) in connection.execute(SQL["get_session"], (workspace, session_id))]
    return decode_session(found[0]) if found else None


def tallies(rows: list[Row]) -> dict[str, Tally]:
    """Return what the statement `tally_sessions` found, which has a row for each status among a session's jobs."""
    found: dict[str, list[Row]] = {}
    for session_id, *counted in rows:
        found.setdefault(session_id, []).append(tuple(counted))
    return {session_id: _tally(counted) for session_id, counted in found.items()}


def _tally(rows: list[Row]) -> Tally:
    statuses, counts, begins, ends = zip(*rows, strict=True)
    return Tally(
        dict(zip(statuses, counts, strict=True)),
        min((_time(begin) for begin in begins if begin is not None), default=None),
        max((_time(end) for end in ends if end is not None), default=None),
    )


def _time(text: str) -> datetime:
    """Read a time whose Z was taken off to compare it."""
    return readable(lambda whole: msgspec.convert(whole, datetime), f"{text}Z")


def _encoded(session: Session) -> str:
    return msgspec.json.encode(session).decode()
