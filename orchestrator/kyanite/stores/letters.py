"""What subscribers have not taken, and the log of what was offered to them, in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from kyanite.core.letters import Attempt, Letter
from kyanite.errors import StoreCorrupt
from kyanite.ports import ATTEMPTS_KEPT, Settlement, microseconds
from kyanite.stores.batch import SQL, Connection, Row
from kyanite.stores.filing import FAULTS_MAX
from kyanite.stores.seal import checked, sealed
from kyanite.stores.seam import readable

LETTERS_SINCE = 3
"""The version of the schema that letters came with."""

_letter = msgspec.json.Decoder(Letter)
_attempt = msgspec.json.Decoder(Attempt)
_encoder = msgspec.json.Encoder()


def settle(connection: Connection, settlement: Settlement) -> None:
    """Store all of it, within a transaction of the caller's."""
    for name in settlement.forgotten:
        connection.execute(SQL["forget_cursor"], (name,))
        connection.execute(SQL["forget_letters"], (name,))
        connection.execute(SQL["delete_attempts"], (name, newest(connection, name)))
    for cursor in settlement.cursors:
        connection.execute(SQL["save_cursors"], (cursor.name, cursor.position, microseconds(cursor.seen_time)))
    for letter in settlement.letters:
        due = None if letter.due_time is None else microseconds(letter.due_time)
        connection.execute(
            SQL["save_letter"], (letter.subscriber, letter.position, due, sealed(_encoder.encode(letter)))
        )
    for subscriber, position in settlement.taken:
        connection.execute(SQL["delete_letter"], (subscriber, position))
    _log(connection, settlement.attempts)


def _log(connection: Connection, attempts: Iterable[Attempt]) -> None:
    by_subscriber = attrgetter("subscriber")
    for subscriber, group in groupby(sorted(attempts, key=by_subscriber), key=by_subscriber):
        number = newest(connection, subscriber)
        for attempt in list(group)[-ATTEMPTS_KEPT:]:
            number += 1
            connection.execute(SQL["save_attempt"], (subscriber, number, sealed(_encoder.encode(attempt))))
        connection.execute(SQL["delete_attempts"], (subscriber, number - ATTEMPTS_KEPT))


def newest(connection: Connection, subscriber: str) -> int:
    """Return the number of a subscriber's newest attempt."""
    ((number,),) = connection.execute(SQL["newest_attempt"], (subscriber,))
    return int(number)


def letters(rows: Iterable[Row]) -> list[Letter]:
    """Read letters back. Raises `StoreCorrupt`."""
    return [readable(_letter.decode, checked(body)) for (body,) in rows]


def attempts(rows: Iterable[Row]) -> list[tuple[int, Attempt]]:
    """Read attempts back, each with its number. Raises `StoreCorrupt`."""
    return [(number, readable(_attempt.decode, checked(body))) for number, body in rows]


def misfiled(connection: Connection) -> list[str]:
    """Return a sentence for each letter and attempt that can not be read, or is filed otherwise than it says."""
    return [
        *_unlike(connection, "read_all_letters", _of_letter),
        *_unlike(connection, "read_all_attempts", _of_attempt),
    ]


def _unlike(connection: Connection, statement: str, filed: Callable[[str], tuple[object, ...]]) -> Iterator[str]:
    found = 0
    for *columns, body in connection.execute(SQL[statement]):
        try:
            wrong = "" if list(filed(checked(body))) == columns else "it is filed under another key than it says"
        except StoreCorrupt as error:
            wrong = str(error)
        if wrong and found < FAULTS_MAX:
            found += 1
            yield f"a letter or attempt of {columns[0]!r}: {wrong}"


def _of_letter(body: str) -> tuple[object, ...]:
    letter = readable(_letter.decode, body)
    return letter.subscriber, letter.position, None if letter.due_time is None else microseconds(letter.due_time)


def _of_attempt(body: str) -> tuple[object, ...]:
    return (readable(_attempt.decode, body).subscriber,)


def tallies(rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Return how many letters wait and how many are dead, by subscriber."""
    return {subscriber: (waiting, dead) for subscriber, waiting, dead in rows}
