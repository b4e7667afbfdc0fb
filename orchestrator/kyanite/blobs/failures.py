"""The seam: what SQLite and the operating system raise, said in the words of the port."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from kyanite.errors import InfrastructureError, KyaniteError, StorageFull, StoreCorrupt, StoreUnavailable

# SQLite's primary result codes, https://www.sqlite.org/rescode.html
SQLITE_CORRUPT = 11
SQLITE_FULL = 13
SQLITE_CONSTRAINT = 19
SQLITE_NOTADB = 26


def sqlite_code(error: BaseException) -> int | None:
    """Return SQLite's primary result code, of sqlite3's exceptions as well as of apsw's."""
    code = getattr(error, "sqlite_errorcode", getattr(error, "result", None))
    return code & 0xFF if isinstance(code, int) else None


def failure(error: Exception, where: str) -> KyaniteError:
    """Return what to raise for an exception from below; one of ours stays as it is."""
    if isinstance(error, KyaniteError):
        return error
    kind: type[InfrastructureError] = StoreUnavailable
    code = sqlite_code(error)
    number = error.errno if isinstance(error, OSError) else None
    if code == SQLITE_FULL or number in {errno.ENOSPC, errno.EDQUOT}:
        kind = StorageFull
    elif code in {SQLITE_CORRUPT, SQLITE_NOTADB} or number in {errno.ELOOP, errno.ENOTDIR}:
        kind = StoreCorrupt
    return kind(f"{where}: {error}")


@contextmanager
def seam(where: str) -> Iterator[None]:
    """Map whatever is raised inside; wrap only calls into foreign code."""
    try:
        yield
    except KyaniteError:
        raise
    except Exception as error:
        raise failure(error, where) from error
