"""Where inputs, outputs and whatever else has bytes is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

Content: TypeAlias = bytes | Path | AsyncIterable[bytes]
"""What can be written: bytes, a local file, or a stream of chunks."""


class Blob(Struct, gc=False, frozen=True, kw_only=True):
    """What is known of a stored object. `sha256` is of the stored bytes, in hexadecimal."""

    key: str
    size: int
    sha256: str
    created: datetime
    content_type: str = "application/octet-stream"
    content_encoding: str | None = None
    metadata: dict[str, str] = {}


class BlobStore(ABC):
    """Named, immutable objects. A key is `<workspace>/<container>/<name>`; see `kyanite.blobs.keys.safe_key`.

    Any method may raise `StoreUnavailable`; a `put` that did may have taken effect, and repeating it then raises
    `BlobExists` or returns, both of which the caller tells apart by the hash.
    """

    @abstractmethod
    async def open(self, *, read_only: bool = False) -> None:
        """Make the store ready; clear away what a crash left half-written."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of every handle. May be called twice."""

    @abstractmethod
    async def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Blob:
        """Write an object whole or not at all; durable when this returns.

        Create-only: `BlobExists` if the key is taken. Raises `StorageFull`, and `InvalidRequest` for an unsafe key.
        A stream is read once, chunk by chunk; an exception out of it leaves nothing behind.
        """

    @abstractmethod
    async def stat(self, key: str) -> Blob | None:
        """Return what is known of the object, or `None`."""

    @abstractmethod
    async def get(self, key: str) -> bytes:
        """Return the whole content, checked against its hash. Raises `BlobMissing`, `BlobCorrupt`."""

    @abstractmethod
    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield bytes `start` to `end` (exclusive) in chunks. Raises `BlobMissing`; a whole read also `BlobCorrupt`.

        The hash can only be compared at the end: act on the content after the last chunk has come.
        """

    @abstractmethod
    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are no error."""

    @abstractmethod
    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        """Return the objects whose key starts with `prefix` and is greater than `after`, by key; fewer: no more."""

    def local_path(self, key: str) -> Path | None:
        """Return where the object's bytes lie as a plain file on this machine, if they do: then it need not be copied.

        The file must only be read, and its content checked against the hash.
        """
        del key
        return None
