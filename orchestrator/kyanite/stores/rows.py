"""Rows by their keys: those that are asked for at one time are read in one go.

What a row costs is mostly the way to a thread and back, with the interpreter's lock to be had at both ends. So while
one read is under way, whatever is asked for waits, and the next read brings it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from kyanite.errors import KyaniteError
from kyanite.stores.batch import Connection, Row
from kyanite.stores.seam import mapped

AT_ONCE_MAX = 256
Key: TypeAlias = tuple[str, ...]
Found: TypeAlias = list[Row] | KyaniteError
Begin: TypeAlias = Callable[[Callable[[Connection], list[Found]]], asyncio.Future[list[Found]]]
"""Has what it is given run in a thread that reads."""


class Rows:
    """What one statement finds for each key."""

    def __init__(self, statement: str, begin: Begin, where: object) -> None:
        """Read by this statement; errors say that the store is `where`."""
        self._statement = statement
        self._begin = begin
        self._where = where
        self._asked: list[tuple[Key, asyncio.Future[list[Row]]]] = []
        self._under_way = False

    async def of(self, *key: str) -> list[Row]:
        """Return the rows of a key, as they are stored now or a moment later. Raises what reading them raises."""
        rows: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._asked.append((key, rows))
        if not self._under_way:
            self._go_on()
        return await rows

    def _go_on(self) -> None:
        """Read what is asked for, if there is anything, and then what will have been by then."""
        self._under_way = bool(self._asked)
        if not self._under_way:
            return
        asked, self._asked = self._asked[:AT_ONCE_MAX], self._asked[AT_ONCE_MAX:]
        waiting = [rows for _, rows in asked]
        try:
            reading = self._begin(partial(_found, self._where, self._statement, [key for key, _ in asked]))
        except Exception as error:  # noqa: BLE001  # whoever waits is told
            _tell(waiting, [error] * len(waiting))
            self._go_on()
        else:
            reading.add_done_callback(partial(self._end, waiting))

    def _end(self, waiting: Sequence[asyncio.Future[list[Row]]], reading: asyncio.Future[list[Found]]) -> None:
        error = asyncio.CancelledError() if reading.cancelled() else reading.exception()
        _tell(waiting, reading.result() if error is None else [error] * len(waiting))
        self._go_on()


def _tell(waiting: Sequence[asyncio.Future[list[Row]]], found: Sequence[list[Row] | BaseException]) -> None:
    for rows, each in zip(waiting, found, strict=True):
        if rows.done():
            continue  # nobody waits for it any more
        if isinstance(each, asyncio.CancelledError):
            rows.cancel()
        elif isinstance(each, BaseException):
            rows.set_exception(each)
        else:
            rows.set_result(each)


def _found(where: object, statement: str, keys: Sequence[Key], connection: Connection) -> list[Found]:
    """Look each key up; where one can not be read, that is what is found of it alone."""
    found: list[Found] = []
    for key in keys:
        try:
            with mapped(where):
                found.append(list(connection.execute(statement, key)))
        except KyaniteError as error:
            found.append(error)
    return found
