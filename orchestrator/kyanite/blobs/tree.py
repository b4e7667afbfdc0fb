"""The folders of large objects: `objects/<number of parts>/<key>`, and `tmp` for what is not one yet, or no longer.

Every path is walked part by part from an open folder, never through a symbolic link, so that nothing under the root
can lead out of it. Whether an object exists is for the row to say (see `files`). A file that has been moved into place
before its row is committed, or is removed after its row, is noted in `tmp/<name>.keys` meanwhile: after a crash, the
next `open` removes the noted files that have no row. All calls block; they are made in threads.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from kyanite.blobs.keys import file_path, is_safe
from kyanite.errors import StoreOwned
from kyanite.folder import make_folder

TMP = "tmp"
LOCK = "lock"
NOTE = ".keys"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
PRIVATE = 0o600


class Tree:
    """One root; its owner, one process at a time, may change it, and any number may read."""

    def __init__(self, root: Path, *, read_only: bool) -> None:
        """Open the root, and make and own it unless reading only. Raises `StoreOwned`, `OSError`."""
        self.root = root
        self.read_only = read_only
        self._names = count(1)
        # Between finding a folder and linking into it, nobody may remove it for being empty.
        self._folders_lock = threading.Lock()
        with ExitStack() as undo:
            if not read_only:
                make_folder(root)
            self._root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            undo.callback(os.close, self._root_fd)
            self._fds = [self._root_fd]
            if not read_only:
                self._fds.append(_own(self._root_fd, root))
                undo.callback(os.close, self._fds[-1])
                self.tmp_fd = _step(self._root_fd, TMP, create=True)
                self._fds.append(self.tmp_fd)
                os.fsync(self._root_fd)
            undo.pop_all()

    def close(self) -> None:
        """Let go of the folders, and of ownership. May be called twice."""
        while self._fds:
            os.close(self._fds.pop())

    def name(self) -> str:
        """Return a fresh name in `tmp`."""
        return str(next(self._names))

    def open(self, key: str) -> int:
        """Open an object's file for reading. Raises `FileNotFoundError`, and `OSError` for what is no plain file."""
        with self._folder(key, create=False) as (folder, last):
            descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(f"{key} is not a plain file")
        return descriptor

    def path(self, key: str) -> Path | None:
        """Return the path of the plain file in an object's place, if there is one."""
        try:
            with self._folder(key, create=False) as (folder, last):
                plain = stat.S_ISREG(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode)
        except OSError:
            return None
        return file_path(self.root, key) if plain else None

    def place(self, name: str, key: str) -> None:
        """Give the file `tmp/<name>` its place, durably, noted until `clear`. Raises `FileExistsError`."""
        self.note(name, [key])
        with ExitStack() as opened:
            with self._folders_lock:
                folders = self._walk(key, opened, create=True)
                last = key.rpartition("/")[2]
                os.link(name, last, src_dir_fd=self.tmp_fd, dst_dir_fd=folders[-1], follow_symlinks=False)
            try:
                # Upwards as well: each folder may be as new as the file, made by us or just now by another thread.
                for folder in reversed(folders):
                    os.fsync(folder)
            except OSError:
                os.unlink(last, dir_fd=folders[-1])
                raise

    def remove(self, key: str) -> None:
        """Remove the file in an object's place, if there is one, and the folders that it leaves empty."""
        with suppress(FileNotFoundError), self._folders_lock, self._folder(key, create=False) as (folder, last):
            os.unlink(last, dir_fd=folder)
        self._prune([key])

    def note(self, name: str, keys: Sequence[str]) -> None:
        """Note that the files of these keys are not what their rows say."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(name + NOTE, flags, PRIVATE, dir_fd=self.tmp_fd), "wb") as note:
            note.write("\n".join(keys).encode())

    def bury(self, name: str, keys: Sequence[str]) -> list[str]:
        """Move the noted files of removed rows to `tmp`, and return their names there."""
        names = []
        for number, key in enumerate(keys):
            with suppress(FileNotFoundError), self._folders_lock, self._folder(key, create=False) as (folder, last):
                os.rename(last, f"{name}.{number}", src_dir_fd=folder, dst_dir_fd=self.tmp_fd)
                names.append(f"{name}.{number}")
        self._prune(keys)
        self.clear([name])
        return names

    def clear(self, names: Iterable[str], *, notes: bool = True) -> None:
        """Remove these files, and their notes, from `tmp`."""
        for name in names:
            for file in (name, name + NOTE) if notes else (name,):
                with suppress(FileNotFoundError):
                    os.unlink(file, dir_fd=self.tmp_fd)

    def recover(self, kept: Callable[[list[str]], set[str]]) -> None:
        """Remove what a crash left: noted files, but for those that `kept` returns, and all that lies in `tmp`."""
        files = os.listdir(self.tmp_fd)  # noqa: PTH208  # a Path knows no open folders
        for file in files:
            if file.endswith(NOTE):
                keys = self._noted(file)
                for key in sorted(set(keys) - kept(keys)):
                    self.remove(key)
        for file in files:
            os.unlink(file, dir_fd=self.tmp_fd)

    def _noted(self, file: str) -> list[str]:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.tmp_fd), "rb") as note:
            lines = note.read().decode(errors="replace").split("\n")
        # A power cut may have left half a note; what is no key has no file.
        return [line for line in lines if is_safe(line)]

    @contextmanager
    def _folder(self, key: str, *, create: bool) -> Iterator[tuple[int, str]]:
        with ExitStack() as opened:
            yield self._walk(key, opened, create=create)[-1], key.rpartition("/")[2]

    def _walk(self, key: str, opened: ExitStack, *, create: bool) -> list[int]:
        folders = [self._root_fd]
        for part in file_path(Path(), key).parts[:-1]:
            folders.append(_step(folders[-1], part, create=create))
            opened.callback(os.close, folders[-1])
        return folders

    def _prune(self, keys: Iterable[str]) -> None:
        """Remove empty folders upwards; one that is in use stays, and so do those above it."""
        for folders in sorted({file_path(Path(), key).parts[:-1] for key in keys}):
            with suppress(OSError), self._folders_lock, ExitStack() as opened:
                walked = [self._root_fd]
                for part in folders[:-1]:
                    walked.append(_step(walked[-1], part, create=False))
                    opened.callback(os.close, walked[-1])
                for parent, part in zip(reversed(walked), reversed(folders), strict=True):
                    os.rmdir(part, dir_fd=parent)


def _own(root_fd: int, root: Path) -> int:
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE, dir_fd=root_fd)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
        os.close(lock)
        raise StoreOwned(f"blob store {root}", int(owner) if owner.isdecimal() else None) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _step(parent: int, part: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=parent)
    return os.open(part, FOLDER, dir_fd=parent)
