"""SQLite on a disk that remembers: a VFS for apsw, as the standard library's sqlite3 can be given none."""

from itertools import count

import apsw

from kyanite.blobs.rows import BUSY_TIMEOUT_S

_numbers = count(1)
_JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class DiskVFS(apsw.VFS):
    """SQLite's own VFS, which tells a disk of what it does. Use `connect`, and `unregister` it at the end."""

    def __init__(self, disk):
        self.name = f"disk-{next(_numbers)}"
        self.disk = disk
        super().__init__(self.name, "unix")

    def connect(self, path):
        """Open a connection as the stores do: of a path, or of a `file:` URI."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(path, flags, vfs=self.name)
        connection.set_busy_timeout(int(BUSY_TIMEOUT_S * 1000))
        return connection

    def xOpen(self, name, flags):  # noqa: N802  # SQLite's name
        return _File(self.disk, name, flags)

    def xDelete(self, name, syncs_folder):  # noqa: N802
        super().xDelete(name, syncs_folder)
        if self.disk.covers(name):
            self.disk.remove(name)
            if syncs_folder:
                self.disk.sync_folder_of(name)


class _File(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__("unix", name, flags)
        self._disk = disk if path is not None and disk.covers(path) else None
        self._path = path
        # SQLite syncs the folder along with the first sync of a journal that it has created (os_unix.c, unixSync).
        self._new_journal = bool(flags[0] & _JOURNALS and flags[0] & apsw.SQLITE_OPEN_CREATE)
        if self._disk and flags[0] & apsw.SQLITE_OPEN_CREATE:
            self._disk.create(path)

    def xWrite(self, content, offset):  # noqa: N802
        super().xWrite(content, offset)
        if self._disk:
            self._disk.write(self._path, content, offset)

    def xTruncate(self, size):  # noqa: N802
        super().xTruncate(size)
        if self._disk:
            self._disk.truncate(self._path, size)

    def xSync(self, flags):  # noqa: N802
        if self._disk is None:
            super().xSync(flags)
            return
        self._disk.sync(self._path)
        if self._new_journal:
            self._disk.sync_folder_of(self._path)
            self._new_journal = False
