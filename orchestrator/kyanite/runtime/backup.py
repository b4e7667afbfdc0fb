"""A copy of all that is stored, made while a daemon goes on; `kyanite backup`.

The copy is a data folder: it can be looked into, checked, and opened in place of the one that was lost.

**Rows before blobs.** A row names only what was stored before it: an input before `Submitted`, an output before the
final event. So whatever the copied rows name is still there when the blobs are copied after them; the other way round,
a job that was submitted in between would come without its input. The blobs that are copied too many are those of jobs
and outputs that the copied rows do not know of. A crash leaves the same, and so they are met as after a crash: an
execution begins again and writes its output under another name, and orphaned inputs are swept.

Only a deletion goes the other way: a job that is deleted in between has its row in the copy, and perhaps no blobs. Its
row is buried before its blobs go, so that once the blobs are copied, the tombstones tell of every such job. These are
deleted from the copy, too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import anyio
from anyio import from_thread, to_thread
from msgspec import Struct

from kyanite.blobs.backup import copy_files, count_objects, left_of
from kyanite.blobs.files import FileBlobs
from kyanite.blobs.rows import FILE
from kyanite.blobs.tree import LOCK
from kyanite.config import Settings
from kyanite.core.job import JobDetails
from kyanite.errors import ConfigError, InvalidRequest
from kyanite.folder import make_folder, sync_folder
from kyanite.runtime.housekeeping import delete_container
from kyanite.runtime.storage import blobs_of, data_folder, store_of
from kyanite.stores.backup import bury_deleted, copy_database, count_jobs
from kyanite.stores.seam import mapped
from kyanite.stores.sqlite import SQLiteStore

STORE, BLOBS = "jobs.sqlite", "blobs"
BESIDE = "tls"
"""The one folder beside the blobs that is copied. Uploads that clients have begun are not: clients begin them anew."""
DOOR = "daemon.json"
"""The way into the daemon that runs now: a copy of it would open that one to whoever reads the backup."""


class Backup(Struct, kw_only=True):
    """What a copy holds."""

    jobs: int = 0
    blobs: int = 0
    files: int = 0
    """Those of the blobs that are files of their own."""
    file_bytes: int = 0
    deleted: int = 0
    """Jobs that were deleted while the copy was made, and are not in it."""
    missing: list[str] = []
    """Keys of blobs whose file is lost: the original is damaged there, and so is the copy."""


async def back_up(settings: Settings, folder: Path) -> Backup:
    """Copy store, blobs, keys and certificates to a new folder, which is there once all of it is durable.

    Another process may own the store. Raises `InvalidRequest` if there is something at `folder` already, `ConfigError`
    if the settings keep jobs in memory, `StorageFull`, `StoreUnavailable`, `StoreCorrupt`.
    """
    store, blobs = store_of(settings), blobs_of(settings)
    if not isinstance(store, SQLiteStore) or not isinstance(blobs, FileBlobs):
        raise ConfigError("what is kept in memory can not be backed up")
    with mapped(folder):
        draft = _drafted(folder)
        try:
            backup = await to_thread.run_sync(_copied, store.path, blobs.root, data_folder(settings), draft)
            await _settle(backup, store.path, blobs.root, draft)
            _publish(draft, folder)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_remove, draft)
    return backup


def _drafted(folder: Path) -> Path:
    """Return a new private folder beside the one that it is to become."""
    folder = folder.absolute()
    if os.path.lexists(folder):
        raise InvalidRequest("folder", f"{folder} exists; a backup is made where nothing is")
    make_folder(folder.parent)
    return Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))


def _publish(draft: Path, folder: Path) -> None:
    draft.rename(folder)
    sync_folder(draft.parent)


def _copied(store: Path, blobs: Path, data: Path, draft: Path) -> Backup:
    """Copy rows, then blobs, then what lies beside them; end early if whoever waits for it is cancelled."""
    copy_database(store, draft / STORE, from_thread.check_cancelled)
    (draft / BLOBS).mkdir()
    copy_database(blobs / FILE, draft / BLOBS / FILE, from_thread.check_cancelled)
    files, file_bytes, missing = copy_files(blobs, draft / BLOBS, from_thread.check_cancelled)
    # Last, so that a key that was revoked meanwhile is revoked in the copy.
    for path in _beside(store, data):
        target = draft / path.relative_to(data)
        target.parent.mkdir(exist_ok=True)
        _copy_private(path, target)
    return Backup(files=files, file_bytes=file_bytes, missing=missing)


async def _settle(backup: Backup, store: Path, blobs: Path, draft: Path) -> None:
    """Delete from the copy what was deleted from the original meanwhile, count what is left, and make it durable."""
    lost = await to_thread.run_sync(left_of, blobs, backup.missing)
    removed = sorted(set(backup.missing) - set(lost))
    buried = await to_thread.run_sync(bury_deleted, store, draft / STORE)
    if buried or removed:
        await _delete_blobs(draft / BLOBS, removed, buried)
    backup.deleted = len(buried)
    backup.missing = lost
    backup.jobs = await to_thread.run_sync(count_jobs, draft / STORE)
    backup.blobs = await to_thread.run_sync(count_objects, draft / BLOBS)
    for path in (draft / BLOBS, draft):
        sync_folder(path)


async def _delete_blobs(root: Path, keys: Sequence[str], jobs: Sequence[JobDetails]) -> None:
    """Delete blobs of the copy: some by their keys, and all of some jobs."""
    blobs = FileBlobs(root)
    try:
        await blobs.open()
        await blobs.delete(keys)
        for details in jobs:
            await delete_container(blobs, details)
    finally:
        await blobs.aclose()
    (root / LOCK).unlink()


def _beside(store: Path, data: Path) -> Iterator[Path]:
    """Yield the files of keys, secrets and certificates: neither drafts, nor locks, nor the store's, nor a door."""
    for path in (*data.glob("*"), *(data / BESIDE).glob("*")):  # store and blobs may lie elsewhere, and this not be
        is_ours = path.name.startswith((".", store.name)) or path.suffix == ".lock"
        if path.is_file() and not path.is_symlink() and not is_ours and path.name != DOOR:
            yield path


def _copy_private(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(descriptor)


def _remove(draft: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(draft)
