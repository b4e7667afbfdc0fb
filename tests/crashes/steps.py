"""Every step with which this process changes what lies on the disk, shown to a watcher as it is taken.

A watcher is called as `watcher(step, call)` and must make the call, which takes the step, and return its result.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kyanite.blobs.rows import BUSY_TIMEOUT_S

Watcher = Callable[["Step", Callable[[], Any]], Any]
WRITING = ("INSERT", "UPDATE", "DELETE", "CREATE", "BEGIN", "COMMIT", "PRAGMA journal_mode", "PRAGMA user_version =")


@dataclass(frozen=True)
class Step:
    """A system call, or a statement, and the path that it is about; `to` is the second path of a link or rename."""

    name: str
    path: str
    to: str = ""
    arguments: tuple[Any, ...] = ()


@contextmanager
def watched(watcher):
    """Show the system calls that create, write, sync, name and remove files, from any thread, until the end."""
    real = {name: getattr(os, name) for name in (*_BY_FILE, *_BY_PATH, *_BY_TWO, "open", "fdopen", "copy_file_range")}
    for name in _BY_FILE:
        setattr(os, name, partial(_by_file, watcher, name, real[name]))
    for name in _BY_PATH:
        setattr(os, name, partial(_by_path, watcher, name, real[name]))
    for name in _BY_TWO:
        setattr(os, name, partial(_by_two, watcher, name, real[name]))
    os.open = partial(_open, watcher, real["open"])
    os.fdopen = partial(_fdopen, watcher, real["fdopen"])
    os.copy_file_range = partial(_copy, watcher, real["copy_file_range"])
    try:
        yield
    finally:
        for name, call in real.items():
            setattr(os, name, call)


_BY_FILE = ("write", "pwrite", "fsync", "fdatasync", "ftruncate")
_BY_PATH = ("unlink", "remove", "mkdir", "rmdir")
_BY_TWO = ("link", "rename", "replace")


def _by_file(watcher, name, call, file, *arguments):
    return watcher(Step(name, _opened(file), arguments=arguments), lambda: call(file, *arguments))


def _by_path(watcher, name, call, path, *arguments, dir_fd=None, **options):
    step = Step(name, _located(path, dir_fd))
    return watcher(step, lambda: call(path, *arguments, dir_fd=dir_fd, **options))


def _by_two(watcher, name, call, path, to, *, src_dir_fd=None, dst_dir_fd=None, **options):
    step = Step(name, _located(path, src_dir_fd), _located(to, dst_dir_fd))
    return watcher(step, lambda: call(path, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **options))


def _open(watcher, call, path, flags, mode=0o777, *, dir_fd=None):
    opening = partial(call, path, flags, mode, dir_fd=dir_fd)
    if not flags & os.O_CREAT:
        return opening()
    return watcher(Step("open", _located(path, dir_fd), arguments=(flags,)), opening)


def _copy(watcher, call, source, file, count, *arguments):
    content = os.pread(source, count, os.lseek(source, 0, os.SEEK_CUR))
    return watcher(
        Step("copy_file_range", _opened(file), arguments=(content,)), lambda: call(source, file, count, *arguments)
    )


def _fdopen(watcher, call, file, mode="r", *arguments, **options):
    if mode != "wb":
        return call(file, mode, *arguments, **options)
    opened = call(file, mode, buffering=0)
    path = _opened(file)

    def write(content):
        return watcher(Step("write", path, arguments=(content,)), partial(opened.write, content))

    return _Written(opened, write)


class _Written:
    """A file that is written by whole calls."""

    def __init__(self, file, write):
        self.file = file
        self.write = write

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def _opened(file):
    return Path(f"/proc/self/fd/{file}").readlink().as_posix()


def _located(path, folder):
    return os.path.join(os.getcwd() if folder is None else _opened(folder), path)  # noqa: PTH118, PTH109


class WatchedConnection:
    """A connection of the standard library whose writing statements are steps."""

    def __init__(self, watcher, path):
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S, uri=path.startswith("file:")
        )
        self._watcher = watcher
        self._path = path.partition("?")[0].removeprefix("file:")
        self._writes = False

    @property
    def in_transaction(self):
        return self._connection.in_transaction

    def execute(self, sql, parameters=()):
        call = partial(self._connection.execute, sql, parameters)
        text = "\n".join(line for line in sql.splitlines() if not line.startswith("--")).lstrip()
        if not text.startswith(WRITING):
            return call()
        self._writes = True
        return self._watcher(Step("sql", self._path, arguments=tuple(text.split()[:4])), call)

    def close(self):
        if self._writes:
            self._watcher(Step("sql", self._path, arguments=("close",)), self._connection.close)
        else:
            self._connection.close()
