"""The store and the blobs: whether they can be read and written, who has them open, and whether time runs forward."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator, Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from kyanite.blobs.files import FileBlobs
from kyanite.config import Settings
from kyanite.core.events import Event
from kyanite.core.findings import Finding, size
from kyanite.core.job import Status
from kyanite.errors import ConfigError, InfrastructureError
from kyanite.ports import Clock, JobQuery, JobStore
from kyanite.runtime.diagnosis.ground import existing, is_there
from kyanite.runtime.diagnosis.ownership import holder
from kyanite.runtime.storage import blobs_of, data_folder, store_of
from kyanite.stores.sqlite import SQLiteStore

CLOCK_TOLERANCE_S = 2.0
LOG_WARNING_BYTES = 1 << 30
"""A write-ahead log that long was not folded into its file for long."""
FILES_COUNTED_MAX = 100_000


def places(settings: Settings) -> dict[str, Path]:
    """Return the folders of store and blobs, as far as they are files of this machine. Raises nothing."""
    try:
        store, blobs = store_of(settings), blobs_of(settings)
    except ConfigError:
        return {"store": data_folder(settings)}
    found = {}
    if isinstance(store, SQLiteStore):
        found["store"] = store.path.parent
    if isinstance(blobs, FileBlobs):
        found["blobs"] = blobs.root
    return found


async def diagnose(settings: Settings, served: Collection[str], clock: Clock) -> AsyncGenerator[Finding]:
    """Yield findings on store, targets, blobs and clock; `served` are the targets that installed providers serve."""
    try:
        store, blobs = store_of(settings), blobs_of(settings)
    except ConfigError as error:
        yield Finding("store", "failed", str(error), "correct the setting")
        return
    if not isinstance(store, SQLiteStore):
        yield Finding("store", "ok", f"in memory ({settings.store.url}): nothing is kept")
    elif not is_there(store.path):
        yield _nothing_yet(store.path)
    else:
        async for finding in _store(store.path, settings.workspace, served, clock):
            yield finding
    if isinstance(blobs, FileBlobs) and is_there(blobs.root):
        yield await anyio.to_thread.run_sync(_blobs, blobs.root)


def _nothing_yet(path: Path) -> Finding:
    folder = existing(path.parent)
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("store", "ok", f"nothing here yet: the first job makes {path}")
    return Finding("store", "failed", f"nothing here yet, and {folder} can not be written", "choose another data_dir")


async def _store(path: Path, workspace: str, served: Collection[str], clock: Clock) -> AsyncGenerator[Finding]:
    yield _ownership(path)
    store = SQLiteStore(path, connect=untouched)
    try:
        await store.open(read_only=True)
        counted = await store.count(JobQuery(workspace=workspace), "status")
        unfinished = JobQuery(workspace=workspace, status=(Status.WAITING, Status.EXECUTING))
        targets = await store.count(unfinished, "target")
        newest = await _newest(store)
    except InfrastructureError as error:
        advice = "if this does not say what to do: put a copy of the folder from a better time in its place"
        yield Finding("store", "failed", str(error), advice)
        return
    except Exception as error:  # noqa: BLE001  # whatever a damaged body makes the store raise
        yield Finding("store", "failed", f"an event can not be read: {error}", "`kyanite check` finds what is damaged")
        return
    finally:
        await store.aclose()
    missing = {target: count for target, count in targets.items() if target not in served}
    idle = holder(_lock(path)) is None and len(missing) < len(targets)
    yield _jobs(path, counted, idle=idle)
    if missing:
        named = ", ".join(f"{count} on {target}" for target, count in sorted(missing.items()))
        advice = "they wait for a program that serves these targets, or cancel them"
        yield Finding("targets", "warning", f"jobs that no installed provider serves: {named}", advice)
    yield _clock(path, newest, clock.now())


async def _newest(store: JobStore) -> Event | None:
    head = await store.head()
    return next(iter(await store.events(max(head - 1, 0), 1)), None)


def _ownership(path: Path) -> Finding:
    owner = holder(_lock(path))
    writable = [file for file in (path.parent, path, _lock(path)) if is_there(file) and not os.access(file, os.W_OK)]
    if writable:
        advice = f"give this user the right to write: chown or chmod {path.parent} and what is in it"
        return Finding("owner", "failed", f"{writable[0]} can not be written by this user", advice)
    if owner is not None:
        return Finding("owner", "ok", f"process {owner or 'of another container'} has {path.parent} open")
    log = path.with_name(path.name + "-wal")
    if is_there(log) and log.stat().st_size:
        return Finding("owner", "ok", "the last process ended without closing; the next one takes up where it was")
    return Finding("owner", "ok", "no process has it open")


def _jobs(path: Path, counted: dict[str, int], *, idle: bool) -> Finding:
    jobs, waiting, executing = sum(counted.values()), counted.get("Waiting", 0), counted.get("Executing", 0)
    log = path.with_name(path.name + "-wal")
    log_bytes = log.stat().st_size if is_there(log) else 0
    schema = _schema(path)
    text = (
        f"{jobs:,} jobs, of which {waiting:,} waiting and {executing:,} executing; "
        f"{size(path.stat().st_size + log_bytes)}, schema {schema}, in {path}"
    )
    if log_bytes > LOG_WARNING_BYTES:
        advice = "end readers that go on for hours: meanwhile the log can not be folded into the file"
        return Finding("store", "warning", f"{text}; its log alone has {size(log_bytes)}", advice)
    return Finding("store", "ok", text, "nobody executes them now: `kyanite job watch` does" if idle else "")


def _clock(path: Path, newest: Event | None, now: datetime) -> Finding:
    """Compare the clock with the newest times that were written by it."""
    written = {f"the file {file.name} was written": _written(file) for file in _files(path)}
    if newest is not None:
        written["the newest event was recorded"] = newest.time
    what, latest = max(written.items(), key=lambda pair: pair[1])
    ahead = latest - now
    if ahead > timedelta(seconds=CLOCK_TOLERANCE_S):
        text = f"it is {now:%Y-%m-%d %H:%M:%S}Z, but {what} at {latest:%Y-%m-%d %H:%M:%S}Z: the clock was set back"
        advice = "set the clock right; until then new events get the time of the ones before"
        return Finding("clock", "warning", text, advice)
    return Finding("clock", "ok", f"it is {now:%Y-%m-%d %H:%M:%S}Z, later than all that was written")


def _files(path: Path) -> Iterator[Path]:
    candidates = (path, path.with_name(path.name + "-wal"), _lock(path))
    return (file for file in candidates if is_there(file))


def _written(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _lock(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def untouched(path: str) -> sqlite3.Connection:
    """Open a database so that not even a file beside it is made: of one that nobody has open, only the file is read."""
    alone = not Path(path + "-wal").exists()
    uri = f"{Path(path).absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)


def _schema(path: Path) -> int:
    connection = untouched(str(path))
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def _blobs(root: Path) -> Finding:
    """Look over the folder of blobs: what lies there, and whether it can be written."""
    files, total, locked = 0, 0, ""
    for folder, _, names in os.walk(root, onerror=None):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            locked = locked or folder
        for name in names:
            files += 1
            total += _length(Path(folder) / name)
        if files >= FILES_COUNTED_MAX:
            break
    more = "more than " if files >= FILES_COUNTED_MAX else ""
    text = f"{more}{size(total)} in {files:,} files under {root}"
    if locked:
        advice = f"give this user the right to read and write there: chown or chmod {root} and what is in it"
        return Finding("blobs", "failed", f"{locked} can not be read and written by this user", advice)
    return Finding("blobs", "ok", text)


def _length(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0  # it was removed just now
