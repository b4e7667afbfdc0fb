"""Where the errors of SQLite and of the file system become ours, whichever module the connection comes from."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from kyanite.errors import KyaniteError, StorageFull, StoreCorrupt, StoreUnavailable

FULL, CORRUPT, NOT_A_DATABASE, CONSTRAINT = 13, 11, 26, 19


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
        kinds = {FULL: StorageFull, CORRUPT: StoreCorrupt, NOT_A_DATABASE: StoreCorrupt}
        raise kinds.get(code, StoreUnavailable)(f"{where}: {error}") from error
