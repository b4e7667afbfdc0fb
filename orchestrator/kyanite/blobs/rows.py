"""The table of the small store, and the statements made on it.

Python's sqlite3 (like apsw) lets go of the interpreter lock at every step of a statement, and gets it back only up to
5 ms later while the event loop is busy. So whatever concerns many objects is one statement that takes one step: rows
are written as one `INSERT`, and read as columns of one row or as one JSON text. Measured against a busy loop thread,
128 lookups at a time: 12,000 a second in one step, 570 with a step each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

import msgspec

from kyanite.core.events import EPOCH
from kyanite.errors import BlobCorrupt, StoreUnavailable
from kyanite.ports import Blob, microseconds

SCHEMA = 1
FILE = "small.sqlite"
BUSY_TIMEOUT_S = 5.0

CREATE = """
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,          -- in order of writing; tells which rows of one INSERT are new
    key TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,           -- bytes
    sha256 TEXT NOT NULL,            -- hexadecimal
    created INTEGER NOT NULL,        -- microseconds since 1970, UTC
    content_type TEXT NOT NULL,
    content_encoding TEXT,
    metadata TEXT,                   -- JSON, NULL for none
    content BLOB                     -- NULL: the content is a file
)
"""
COLUMNS = "key, size, sha256, created, content_type, content_encoding, metadata"
# As bytes, which sqlite3 need not decode: what is not UTF-8 then fails one record only.
RECORD = f"CAST(json_array({COLUMNS}) AS BLOB)"
PAGE = f"""
SELECT CAST(json_group_array(json_array({COLUMNS})) AS BLOB) FROM (
    SELECT {COLUMNS} FROM blob
    WHERE key > ? AND key >= ? AND key < coalesce(?, key || 'x') ORDER BY key LIMIT ?
)
"""  # noqa: S608  # ours
NEW_IDS = "SELECT json_group_array(id) FROM blob WHERE id >= ?"
IN_FILES = """
SELECT json_group_array(key) FROM blob WHERE content IS NULL AND key IN (SELECT value FROM json_each(?))
"""
REMOVE = "DELETE FROM blob WHERE key IN (SELECT value FROM json_each(?))"
IS_TAKEN = "SELECT count(*) FROM blob WHERE key = ?"

Record: TypeAlias = tuple[str, int, str, int, str, str | None, str | None]
_record = msgspec.json.Decoder(Record)
_records = msgspec.json.Decoder(list[Record])
_metadata = msgspec.json.Decoder(dict[str, str])


class Cursor(Protocol):
    """What a statement returns."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...


class Connection(Protocol):
    """All that is asked of a database connection, so that another library's can stand in."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement; outside of BEGIN and COMMIT it is a transaction of its own."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


Connect: TypeAlias = Callable[[str], Connection]


def connect_sqlite3(uri: str) -> Connection:
    """Open a database by its `file:` URI with the standard library, which then begins no transactions of its own."""
    return sqlite3.connect(uri, timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=True)


def database_uri(root: Path, *, read_only: bool) -> str:
    """Return the name under which SQLite opens the small store of this root."""
    return f"file:{quote(str((root / FILE).absolute()))}?mode={'ro' if read_only else 'rwc'}"


def check_schema(connection: Connection, *, create: bool) -> None:
    """Create the table if there is none. Raises `StoreUnavailable` for a schema of another release."""
    version = scalar(connection.execute("PRAGMA user_version"))
    if version == 0 and create:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(CREATE)
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    elif version != SCHEMA:
        raise StoreUnavailable(f"{FILE} has schema {version}, this release reads {SCHEMA}")


def scalar(cursor: Cursor) -> Any:
    """Return the one value of the one row."""
    return cursor.fetchall()[0][0]


@cache
def insert_sql(width: int, *, refuse_quietly: bool) -> str:
    """Return one statement for up to `width` rows; missing ones have the id 0.

    Empty text stands for NULL: sqlite3 takes about a microsecond to bind a None, as it looks for an adapter and fails.
    """
    rows = ",".join(["(?,?,?,?,?,?,?,?,?)"] * width)
    quietly = " ON CONFLICT(key) DO NOTHING" if refuse_quietly else ""
    columns = "column1, column2, column3, column4, column5, column6, nullif(column7, ''), nullif(column8, ''), column9"
    return f"INSERT INTO blob SELECT {columns} FROM (VALUES {rows}) WHERE column1 <> 0{quietly}"  # noqa: S608  # ours


def insert_values(first_id: int, rows: Sequence[tuple[Blob, bytes | None]], width: int) -> list[Any]:
    """Return the statement's parameters, one row after the other."""
    values: list[Any] = []
    for number, (blob, content) in enumerate(rows, first_id):
        values += (
            number,
            blob.key,
            blob.size,
            blob.sha256,
            microseconds(blob.created),
            blob.content_type,
            blob.content_encoding or "",
            msgspec.json.encode(blob.metadata).decode() if blob.metadata else "",
            content,
        )
    values += [0] * (9 * (width - len(rows)))
    return values


@cache
def find_sql(width: int, *, content: bool) -> str:
    """Return one statement that looks up `width` keys: a record each, or a record and a content each.

    A key is given once, or, with the content, twice.
    """
    # By way of the id, so that the record's key is the row's own: a damaged index may lead to another row.
    columns = [f"(SELECT {RECORD} FROM blob WHERE id = (SELECT id FROM blob WHERE key = ?))"]  # noqa: S608  # ours
    if content:
        columns.append("(SELECT CAST(content AS BLOB) FROM blob WHERE key = ?)")
    return "SELECT " + ",".join(columns * width)


def width_for(count: int) -> int:
    """Return the next power of two: few different statements, all of which stay compiled."""
    return 1 << (count - 1).bit_length()


def decode_record(body: bytes, key: str) -> Blob:
    """Return the record of a row. Raises `BlobCorrupt`."""
    try:
        return _blob(_record.decode(body))
    except (msgspec.MsgspecError, OverflowError, UnicodeDecodeError) as error:
        raise BlobCorrupt(f"the record of {key} can not be read: {error}") from error


def decode_page(body: bytes) -> list[Blob]:
    """Return the records of a page. Raises `BlobCorrupt`."""
    try:
        return [_blob(record) for record in _records.decode(body)]
    except (msgspec.MsgspecError, OverflowError, UnicodeDecodeError) as error:
        raise BlobCorrupt(f"a record of this page can not be read: {error}") from error


def after_prefix(prefix: str) -> str | None:
    """Return the least text greater than every text with this prefix; `None` if there is none."""
    while prefix:
        prefix, last = prefix[:-1], ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix + chr(0xE000 if last == 0xD7FF else last + 1)
    return None


def _blob(record: Record) -> Blob:
    key, size, sha256, created, content_type, content_encoding, metadata = record
    return Blob(
        key=key,
        size=size,
        sha256=sha256,
        created=EPOCH + timedelta(microseconds=created),
        content_type=content_type,
        content_encoding=content_encoding,
        metadata=_metadata.decode(metadata) if metadata else {},
    )
