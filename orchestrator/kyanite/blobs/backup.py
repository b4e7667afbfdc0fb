"""A copy of the files of large objects, for a small store that has been copied already. All calls block."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from kyanite.blobs.failures import seam
from kyanite.blobs.keys import file_path
from kyanite.blobs.rows import Connection, connect_sqlite3, database_uri, scalar
from kyanite.blobs.tree import PRIVATE, Tree
from kyanite.folder import make_folder, sync_folder

CHUNK_BYTES = 1 << 20
_COUNT = "SELECT count(*) FROM blob"
_LARGE = "SELECT key FROM blob WHERE content IS NULL"
_LEFT = "SELECT key FROM blob WHERE key IN (SELECT value FROM json_each(?))"


def count_objects(copy: Path) -> int:
    """Return how many objects a copy has rows of."""
    with seam(f"blob store {copy}"), closing(_own(copy)) as connection:
        return int(scalar(connection.execute(_COUNT)))


def copy_files(root: Path, copy: Path, tick: Callable[[], object]) -> tuple[int, int, list[str]]:
    """Copy durably the files of all large objects that the small store in `copy` has rows of.

    Returns how many there are, their bytes altogether, and the keys of those whose file is not there. A file never
    changes once its row is there, so nothing needs to stand still. `tick` is called now and then, and may raise to end
    it. Raises `StorageFull`, `StoreUnavailable`.
    """
    files, size = 0, 0
    missing: list[str] = []
    folders: set[Path] = set()
    with seam(f"blob store {copy}"), closing(Tree(root, read_only=True)) as tree:
        with closing(_own(copy)) as connection:
            for (key,) in connection.execute(_LARGE).fetchall():
                tick()
                target = file_path(copy, key)
                make_folder(target.parent)
                try:
                    size += _copied(tree, key, target, tick)
                except FileNotFoundError:
                    missing.append(key)
                    continue
                files += 1
                folders.add(target.parent)
        for folder in folders:
            sync_folder(folder)
    return files, size, missing


def left_of(root: Path, keys: Sequence[str]) -> list[str]:
    """Return those of the keys that a root has a row of."""
    with seam(f"blob store {root}"), closing(connect_sqlite3(database_uri(root, read_only=True))) as connection:
        return [key for (key,) in connection.execute(_LEFT, (json.dumps(keys),)).fetchall()]


def _copied(tree: Tree, key: str, target: Path, tick: Callable[[], object]) -> int:
    with os.fdopen(tree.open(key), "rb", buffering=0) as source:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := source.read(CHUNK_BYTES):
                tick()
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
            return file.tell()


def _own(copy: Path) -> Connection:
    """Open what nobody else has open, so that closing it leaves no journal behind."""
    return connect_sqlite3(database_uri(copy, read_only=False))
