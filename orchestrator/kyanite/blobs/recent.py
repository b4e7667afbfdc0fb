"""Objects that were written or read lately. They are immutable, so only a delete makes an entry wrong."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct

from kyanite.ports import Blob

# What an entry weighs besides its content: record, key and the dictionary's own share, by tracemalloc.
ENTRY_BYTES = 570


class _Entry(Struct, gc=False):
    """Tens of thousands of these live long: the garbage collector need not look at each again and again."""

    blob: Blob
    content: bytes | None


class Recent:
    """A least-recently-used store of at most `bytes_max` bytes; not for several threads."""

    def __init__(self, bytes_max: int) -> None:
        """Begin empty; with `bytes_max` 0 it stays so."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def get(self, key: str) -> tuple[Blob, bytes | None] | None:
        """Return record and content (`None` for a large object), and count it as used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry.blob, entry.content

    def keep(self, blob: Blob, content: bytes | None) -> None:
        """Remember an object, and forget the least used ones beyond the limit."""
        self.drop((blob.key,))
        self._entries[blob.key] = _Entry(blob, content)
        self._bytes += _weight(content)
        while self._bytes > self._bytes_max:
            _, old = self._entries.popitem(last=False)
            self._bytes -= _weight(old.content)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget these objects."""
        for key in keys:
            if (entry := self._entries.pop(key, None)) is not None:
                self._bytes -= _weight(entry.content)


def _weight(content: bytes | None) -> int:
    return ENTRY_BYTES + (len(content) if content else 0)
