"""Where the errors of SQLite and of the file system become ours, whichever module the connection comes from."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from kyanite.errors import KyaniteError, StorageFull, StoreCorrupt, StoreUnavailable

T = TypeVar("T")
FULL, CORRUPT, NOT_A_DATABASE, CONSTRAINT = 13, 11, 26, 19
MALFORMED = "malformed JSON"
"""What SQLite's own reading of a body says; it has no code for that."""


def result_code(error: Exception) -> int | None:
    """Return SQLite's primary result code, or `None` for an error that is not SQLite's.

    sqlite3 calls it `sqlite_errorcode`, apsw `extendedresult`; the low byte of an extended code is the primary one.
    """
    code = getattr(error, "sqlite_errorcode", getattr(error, "extendedresult", None))
    return None if code is None else code & 0xFF


@contextmanager
def mapped(where: object) -> Iterator[None]:
    """Raise a library's error as `StorageFull`, `StoreCorrupt` or `StoreUnavailable`; leave all others alone."""
    try:
        yield
    except KyaniteError:
        raise
    except OSError as error:
        kind = StorageFull if error.errno == errno.ENOSPC else StoreUnavailable
        raise kind(f"{where}: {error.strerror}") from error
    except Exception as error:
        code = result_code(error)
        if isinstance(error, sqlite3.OperationalError | UnicodeDecodeError) and code is None:
            raise StoreCorrupt(f"{where}: {error}") from error  # text that is not UTF-8: SQLite itself does not look
        if code is None:
            raise
        if MALFORMED in str(error):
            raise StoreCorrupt(f"{where}: the row of a job is {MALFORMED}") from error
        kinds = {FULL: StorageFull, CORRUPT: StoreCorrupt, NOT_A_DATABASE: StoreCorrupt}
        raise kinds.get(code, StoreUnavailable)(f"{where}: {error}") from error


def readable(decode: Callable[..., T], body: str, *where: int) -> T:
    """Decode what lies in the file. Raises `StoreCorrupt` where it is not what was written."""
    try:
        return decode(body, *where)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        text = f"what begins {body[:80]!r}{' at position ' if where else ''}{', '.join(map(str, where))}"
        raise StoreCorrupt(f"{text} can not be read: {error!s:.200}") from error
