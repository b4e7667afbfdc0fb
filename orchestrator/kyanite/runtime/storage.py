"""Where jobs and blobs are stored: the adapters that the settings name by URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kyanite.blobs.files import FileBlobs
from kyanite.config import Settings
from kyanite.errors import ConfigError
from kyanite.ports import BlobStore, JobStore
from kyanite.stores.sqlite import SQLiteStore


def data_folder(settings: Settings) -> Path:
    """Return the folder in which everything lies that is not put elsewhere."""
    return Path(settings.data_dir).expanduser()


def store_of(settings: Settings) -> JobStore:
    """Return the job store of `store.url`: `sqlite:///absolute/path`, `sqlite:relative/path`, or `memory:`.

    Nothing is opened yet. Raises `ConfigError`.
    """
    url = settings.store.url
    if _scheme("store.url", url, ("sqlite", "memory")) == "memory":
        from kyanite.stores.memory import MemoryStore

        return MemoryStore()
    path = _path("store.url", url) if url else data_folder(settings) / "jobs.sqlite"
    return SQLiteStore(path, synchronous=settings.store.synchronous)


def blobs_of(settings: Settings) -> BlobStore:
    """Return the blob storage of `blobs.url`: `file:///absolute/folder`, `file:relative/folder`, or `memory:`.

    Nothing is opened yet. Raises `ConfigError`.
    """
    blobs = settings.blobs
    if _scheme("blobs.url", blobs.url, ("file", "memory")) == "memory":
        from kyanite.blobs.memory import MemoryBlobs

        return MemoryBlobs()
    path = _path("blobs.url", blobs.url) if blobs.url else data_folder(settings) / "blobs"
    return FileBlobs(path, inline_max=blobs.inline_max_bytes, synchronous=blobs.synchronous)


@asynccontextmanager
async def opened_to_read(settings: Settings) -> AsyncIterator[tuple[JobStore, BlobStore]]:
    """Open the store and the blobs themselves, beside whoever owns them, for reading as long as the block lasts."""
    store, blobs = store_of(settings), blobs_of(settings)
    try:
        await store.open(read_only=True)
        await blobs.open(read_only=True)
        yield store, blobs
    finally:
        await store.aclose()
        await blobs.aclose()


def _scheme(setting: str, url: str, known: Iterable[str]) -> str:
    """Return the scheme of a URL, the rest of which no error shows: it may hold a password."""
    scheme, colon, rest = url.partition(":")
    if url and (not colon or scheme.lower() not in known):
        there_are = ", ".join(f"{name}:" for name in known)
        wrong = f"{scheme}: is none of its schemes" if colon else "has no scheme"
        raise ConfigError(f"{setting} {wrong}; there are {there_are}")
    if scheme.lower() == "memory" and rest:
        raise ConfigError(f"{setting} memory: takes nothing behind the colon")
    return scheme.lower()


def _path(setting: str, url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.strip("/"):
        form = f"{parts.scheme}:///absolute/path or {parts.scheme}:relative/path"
        raise ConfigError(f"{setting} is {form}, with no host and nothing behind the path")
    return Path("/" + path.lstrip("/") if path.startswith("/") else path).expanduser()
