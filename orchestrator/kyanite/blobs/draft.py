"""A large object while it is being written: a file in `tmp` that knows its size and hash. All calls block."""

from __future__ import annotations

import errno
import hashlib
import os

from kyanite.blobs.tree import PRIVATE, Tree

PIECE_BYTES = 1024 * 1024
LEAST_PIECE_BYTES = 64 * 1024
WAITING_BYTES_MAX = 64 * PIECE_BYTES
"""What of all streams together may wait in memory to be written, unless there are very many."""
# What a file system says that can not copy between these two files within the kernel.
_CANNOT_COPY = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


def piece_bytes(streams: int) -> int:
    """Return how much of each of so many streams is gathered before it is written: slow ones are not to fill memory."""
    return min(PIECE_BYTES, max(LEAST_PIECE_BYTES, WAITING_BYTES_MAX // streams))


class Draft:
    """Hashes what is written on the way."""

    def __init__(self, tree: Tree) -> None:
        """Create the file. Raises `OSError`."""
        self._tree = tree
        self.name = tree.name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.open(self.name, flags, PRIVATE, dir_fd=tree.tmp_fd)
        self._hash = hashlib.sha256()
        self._copies_in_kernel = True
        self.size = 0

    @property
    def sha256(self) -> str:
        """The hash of what has been written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, content: bytes | bytearray | memoryview) -> None:
        """Append a chunk of any size."""
        view = memoryview(content).cast("B")
        for start in range(0, len(view), PIECE_BYTES):
            piece = view[start : start + PIECE_BYTES]
            self._hash.update(piece)
            while piece:
                piece = piece[os.write(self._file, piece) :]
        self.size += len(view)

    def copy(self, source: int, limit: int) -> int:
        """Append at most `limit` bytes of an open file, and return how many; 0 at its end.

        Copied by the kernel where it can, which shares the blocks on file systems that know how; hashed is what was
        stored, so that a source that changes meanwhile does no harm.
        """
        if self._copies_in_kernel:
            try:
                return self._hash_stored(os.copy_file_range(source, self._file, limit))
            except OSError as error:
                if error.errno not in _CANNOT_COPY:
                    raise
                self._copies_in_kernel = False
        chunk = os.read(source, min(limit, PIECE_BYTES))
        self.write(chunk)
        return len(chunk)

    def finish(self) -> None:
        """Make the content durable."""
        os.fsync(self._file)

    def discard(self, *, note_stays: bool = False) -> None:
        """Let go of the file, and remove its name in `tmp` and its note; an object made of it stays."""
        os.close(self._file)
        self._tree.clear([self.name], notes=not note_stays)

    def _hash_stored(self, count: int) -> int:
        end = self.size + count
        while self.size < end:
            chunk = os.pread(self._file, min(PIECE_BYTES, end - self.size), self.size)
            if not chunk:
                raise OSError(errno.EIO, "what was written can not be read back")
            self._hash.update(chunk)
            self.size += len(chunk)
        return count
