"""The files of blocks that wait to become blobs: `<root>/<boot>/<folder of a blob>/<id of a block>`. All calls block.

The folder of a blob is called by the hash of its key and its workspace.

A block is written under another name and renamed when it is whole, without a sync. What the kernel has taken survives
the end of our process, but perhaps not a power cut; and after one the machine has booted anew. So blocks of an earlier
boot are never read, and a client is told to upload them again. Durable is what the commit of a list makes of them.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from io import FileIO
from pathlib import Path

from kyanite.folder import make_folder

PIECE_BYTES = 1024 * 1024

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DRAFT = "."


class BlockFiles:
    """The folders of one root, of which only one process may make use."""

    def __init__(self, root: Path) -> None:
        """Touch the disk with the first block."""
        self._root = root
        self._here = root / _boot_id()
        # Between making a folder and the first file in it, nobody may remove it for being empty.
        self._folders_lock = threading.Lock()

    def folder(self, key: str) -> Path:
        """Return where the blocks of a blob lie, or would."""
        return self._here / f"{sha256(key.encode()).hexdigest()}.{key.partition('/')[0]}"

    def waiting(self) -> dict[str, int]:
        """Return how many bytes of blocks wait, by the workspace of their blob. Raises `OSError`."""
        sizes: dict[str, int] = {}
        for folder in _within(self._here):
            workspace = folder.name.partition(".")[2]
            sizes[workspace] = sizes.get(workspace, 0) + _bytes_in(folder)
        return sizes

    def found(self, folder: Path) -> dict[str, int]:
        """Return the size of each block by its name, and remove what was left half-written. Raises `OSError`."""
        sizes = {}
        with suppress(FileNotFoundError):
            for file in folder.iterdir():
                if file.name.startswith(_DRAFT):
                    file.unlink()
                else:
                    sizes[file.name] = file.stat().st_size
        return sizes

    def draft(self, folder: Path, number: int) -> FileIO:
        """Open a new file, for a block that is about to come. Raises `OSError`."""
        with self._folders_lock:
            make_folder(self._root)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return FileIO(folder / f"{_DRAFT}{number}", "xb")

    def remove(self, folder: Path, names: Iterable[str]) -> None:
        """Remove these blocks, and the folder if it is empty then. Raises `OSError`."""
        for name in names:
            (folder / name).unlink(missing_ok=True)
        with self._folders_lock, suppress(OSError):
            folder.rmdir()

    def sweep(self, oldest_kept: datetime, used: set[Path]) -> list[tuple[str, int]]:
        """Remove folders unchanged since then and not in use, and those of earlier boots. Raises `OSError`.

        Returns the workspace of each, and how many bytes of it `waiting` has told of.
        """
        removed = []
        for boot in _within(self._root):
            for folder in _within(boot):
                if boot == self._here and (folder in used or _changed(folder) >= oldest_kept):
                    continue
                freed = _bytes_in(folder) if boot == self._here else 0
                with self._folders_lock:
                    shutil.rmtree(folder)
                removed.append((folder.name.partition(".")[2], freed))
            with self._folders_lock, suppress(OSError):
                boot.rmdir()
        return removed


class Blocks:
    """The contents of files, one behind the other, as one stream. Blocks."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Open nothing yet."""
        self._paths = iter(paths)
        self._file: FileIO | None = None

    def read(self) -> bytes:
        """Return the next piece, of several files if they are small; none at the end. Raises `OSError`."""
        pieces, left = [], PIECE_BYTES
        while left and (piece := self._next(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Let go of the file that is open."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _next(self, limit: int) -> bytes:
        while True:
            if self._file is not None and (piece := self._file.read(limit)):
                return piece
            self.close()
            path = next(self._paths, None)
            if path is None:
                return b""
            self._file = FileIO(path)


def append(file: FileIO, piece: bytes | bytearray) -> None:
    """Write all of a piece. Raises `OSError`."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def finish(file: FileIO, name: str) -> None:
    """Make a block of a draft, in place of another of this name. Raises `OSError`."""
    file.close()
    draft = Path(str(file.name))
    draft.rename(draft.with_name(name))


def drop(file: FileIO) -> None:
    """Remove a draft. Raises `OSError`."""
    file.close()
    Path(str(file.name)).unlink(missing_ok=True)


def _within(folder: Path) -> list[Path]:
    try:
        return [child for child in folder.iterdir() if child.is_dir() and not child.is_symlink()]
    except FileNotFoundError:
        return []


def _bytes_in(folder: Path) -> int:
    """Return how many bytes the whole blocks of a blob have."""
    return sum(file.stat().st_size for file in folder.iterdir() if not file.name.startswith(_DRAFT))


def _changed(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "boot"
