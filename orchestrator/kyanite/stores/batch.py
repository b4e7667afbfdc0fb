"""One transaction of the SQLite store: a batch of conditional writes and their events, in one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from kyanite.core.events import Amended, Submitted, encode_details, encode_event
from kyanite.errors import Conflict, StoreUnavailable
from kyanite.ports import Write, microseconds
from kyanite.stores.queries import load, many, width
from kyanite.stores.seal import sealed
from kyanite.stores.seam import CONSTRAINT, result_code

T = TypeVar("T")
SQL = load("sqlite.sql")
Row = tuple[Any, ...]
# Blanks are zeros: sqlite3 takes about a microsecond to bind a None, as it looks for an adapter and fails.
NO_LABELS = (0,) * 6
NOTHING = (0,) * 15
"""A row of the inbox that no trigger takes: it pads a statement to its width."""


class Connection(Protocol):
    """The part of a connection that is used: sqlite3's and apsw's both have it."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Iterable[Row]:
        """Run one statement and return its rows."""

    def close(self) -> None:
        """Close the connection."""


def only(connection: Connection, statement: str) -> Any:
    """Return the one value that a statement gives."""
    ((value,),) = connection.execute(statement)
    return value


def transaction(connection: Connection, action: Callable[[], T]) -> T:
    """Run `action` between BEGIN IMMEDIATE and COMMIT; anything raised in between rolls back."""
    connection.execute(SQL["begin"])
    try:
        result = action()
        connection.execute(SQL["commit"])
    except BaseException:
        # SQLite has ended the transaction itself after some errors; a second end is then no error worth telling.
        if getattr(connection, "in_transaction", True):
            connection.execute(SQL["rollback"])
        raise
    return result


def store(connection: Connection, writes: Sequence[Write], head: int, epoch: int) -> list[int | None]:
    """Apply a batch durably on top of position `head`; see `JobStore.commit` for what comes back.

    All go in with one statement, which is its own transaction (see the view `inbox` in the schema). If one is refused,
    nothing was stored, and they are applied one by one, which tells which; refusals are rare. Raises `Conflict` when
    another process has taken the store over since.
    """
    try:
        return _store_all(connection, writes, head, epoch)
    except Refused:
        if len(writes) == 1:
            return [None]
    positions: list[int | None] = []
    for write in writes:
        try:
            positions += store(connection, [write], head, epoch)
        except Exception as error:
            if result_code(error) is None or not any(positions):
                raise
            # Whatever this error means for certain, it does not mean it for the writes before.
            raise StoreUnavailable(f"a batch was stored in part: {error}") from error
        head += 0 if positions[-1] is None else len(write.events)
    return positions


class Refused(Exception):
    """A row of the batch was not as expected; nothing of the batch was stored."""


def _store_all(connection: Connection, writes: Sequence[Write], head: int, epoch: int) -> list[int | None]:
    positions: list[int | None] = []
    rows: list[Row] = []
    for write in writes:
        positions.append(head + 1)
        rows += _rows(write, head)
        head += len(write.events)
    rows.append(("fence", 0, 0, head, 0, epoch, *NOTHING[6:]))
    rows += [NOTHING] * (width(len(rows)) - len(rows))
    try:
        connection.execute(many(SQL["fill_inbox"], len(rows)), list(chain.from_iterable(rows)))
    except Exception as error:
        if result_code(error) != CONSTRAINT:
            raise
        if "fenced" in str(error):
            raise Conflict("another process owns this store now") from None
        raise Refused from None
    return positions


def _rows(write: Write, head: int) -> Iterable[Row]:
    """Yield what goes into the inbox for one write: the row and its first event, other events, labels."""
    details, first = write.details, write.events[0]
    address = (details.workspace, details.id)
    body = encode_details(details).decode()
    event = sealed(encode_event(first))
    version, expected, status = details.version, write.expected_version, details.status.value
    if expected == 0:
        born = (details.target, details.provider_id, details.name, microseconds(details.creation_time), details.rank)
        yield ("submit", *address, head + 1, version, 0, status, body, event, *born, details.foreign_input or 0)
    else:
        yield ("change", *address, head + 1, version, expected, status, body, event, *NO_LABELS)
    for offset, later in enumerate(write.events[1:], start=1):
        event = sealed(encode_event(later))
        yield ("event", *address, head + 1 + offset, 0, expected + offset, 0, 0, event, *NO_LABELS)
    yield from _labels(write, address)


def _labels(write: Write, address: tuple[str, str]) -> Iterable[Row]:
    """Yield what only a submit with tags or into a session, or an amendment changes."""
    details = write.details
    amended = any(isinstance(event, Amended) for event in write.events)
    blank = (0,) * 6
    if amended:
        yield ("relabel", *address, *blank, 0, 0, details.name, 0, details.rank, 0)
    if amended or (details.tags and isinstance(write.events[0], Submitted)):
        for tag in details.tags:
            yield ("tag", *address, *blank, 0, 0, tag, 0, 0, 0)
    if details.session_id is not None and isinstance(write.events[0], Submitted):
        yield ("session", *address, *blank, 0, 0, details.session_id, 0, 0, 0)
