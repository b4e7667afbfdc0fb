"""Space on the disk that SQLite's journal took, given back once a full disk has room again.

SQLite moves its journal into the database after so many pages only. A journal that has taken the last space would keep
it: the database has none to grow, and so the journal never empties.
"""

from __future__ import annotations

from typing import Any


def emptied_journal(connection: Any) -> bool:
    """Move the journal into the database and empty it; tell whether that was possible.

    What was written is safe either way. The connection may be sqlite3's or apsw's.
    """
    try:
        ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except Exception as error:
        if not (hasattr(error, "sqlite_errorcode") or hasattr(error, "extendedresult")):
            raise
        return False
    return not busy
