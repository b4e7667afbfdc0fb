"""What this process has open: for each place of storage one event loop, and the workspaces that run in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

import kyanite
from kyanite import plugins
from kyanite.config import Settings
from kyanite.errors import WorkspaceClosed
from kyanite.ports import BlobStore, JobStore, Provider
from kyanite.runtime.storage import blobs_of, data_folder, store_of
from kyanite.sync import shutdown
from kyanite.sync.borrowed import borrowed
from kyanite.sync.loop_thread import LoopThread
from kyanite.sync.open_workspace import OpenWorkspace

CLOSING_S = 30.0
"""How long the last commits may take."""


class Place(NamedTuple):
    """Where jobs and blobs lie, and whether they are only read."""

    folder: str
    store_url: str
    blobs_url: str
    read_only: bool


class SharedStorage:
    """The storage of one place, opened once, and a thread for all workspaces on it. Closed with the last of them."""

    def __init__(self, place: Place) -> None:
        """Open nothing yet."""
        self._place = place
        self._process = os.getpid()
        self._changing = threading.RLock()
        self._thread: LoopThread | None = None
        self._storage: tuple[JobStore, BlobStore] | None = None
        self._workspaces: dict[str, OpenWorkspace] = {}

    def join(self, user: Any, settings: Settings, providers: Sequence[Provider]) -> OpenWorkspace:
        """Return the workspace that the settings name, running, and count `user` among those who share it.

        Raises what opening raises, and `WorkspaceClosed` in a forked child.
        """
        if self._process != os.getpid():
            raise WorkspaceClosed(f"it is open in process {self._process}, from which this one was forked")
        with self._changing:
            shared = self._workspaces.get(settings.workspace)
            if shared is not None and shared.usable:
                shared.check(settings, providers)
            else:
                self._close_failed(shared)
                shared = self._workspaces[settings.workspace] = self._enter(settings, providers)
            shared.users.add(user)
            return shared

    def leave(self, user: Any, shared: OpenWorkspace, *, hurry: bool = False) -> None:
        """No longer count `user`; close what nobody uses any more."""
        with self._changing:
            shared.users.discard(user)
            if shared.users:
                return
            try:
                shared.close(hurry=hurry)
            finally:
                self.finish(CLOSING_S)

    def _close_failed(self, shared: OpenWorkspace | None) -> None:
        """Close a workspace that failed, if there is one, and its storage, which may have been the cause."""
        if shared is not None:
            wait([shared.begin_to_close()])
            self.finish(CLOSING_S)

    def _enter(self, settings: Settings, providers: Sequence[Provider]) -> OpenWorkspace:
        read_only = self._place.read_only
        try:
            thread, (store, blobs) = self._opened(settings)
            workspace = kyanite.Workspace(
                store=borrowed(store),
                blobs=borrowed(blobs),
                providers=[] if read_only else [*plugins.providers(settings.providers), *providers],
                settings=settings,
                read_only=read_only,
            )
            return OpenWorkspace(thread, workspace)
        except BaseException:
            self.finish(CLOSING_S)
            raise

    def _opened(self, settings: Settings) -> tuple[LoopThread, tuple[JobStore, BlobStore]]:
        if self._thread is None or self._storage is None:
            shutdown.expect(self)
            self._thread = LoopThread(f"kyanite {settings.data_dir}")
            storage = store_of(settings), blobs_of(settings)
            self._thread.call(lambda: _open(*storage, read_only=self._place.read_only))
            self._storage = storage
        return self._thread, self._storage

    @property
    def grace_s(self) -> float:
        """How long executing jobs may take to end when everything is closed."""
        return max((shared.grace_s for shared in self._workspaces.values()), default=0.0)

    def begin_to_close(self, *, hurry: bool) -> list[Future[None]]:
        """Have every workspace left, and return what is done when each has been."""
        return [shared.begin_to_close(hurry=hurry) for shared in self._workspaces.values()]

    def finish(self, timeout_s: float) -> bool:
        """Close the storage if no workspace stands on it any more; tell whether everything is closed."""
        self._workspaces = {name: shared for name, shared in self._workspaces.items() if shared.running}
        if self._workspaces or self._thread is None:
            return not self._workspaces
        thread, storage = self._thread, self._storage
        self._thread = self._storage = None
        try:
            if storage is not None:
                wait([thread.spawn(lambda: _close(*storage))], timeout_s)
        finally:
            ended = thread.end(timeout_s)
        return ended


def shared_storage(settings: Settings, *, read_only: bool) -> SharedStorage:
    """Return who has, or would have, this storage open in this process."""
    place = Place(str(data_folder(settings).resolve()), settings.store.url, settings.blobs.url, read_only)
    with _looking:
        return _storages.setdefault(place, SharedStorage(place))


async def _open(store: JobStore, blobs: BlobStore, *, read_only: bool) -> None:
    await store.open(read_only=read_only)
    try:
        await blobs.open(read_only=read_only)
    except BaseException:
        await store.aclose()
        raise


async def _close(store: JobStore, blobs: BlobStore) -> None:
    try:
        await blobs.aclose()
    finally:
        await store.aclose()


_storages: dict[Place, SharedStorage] = {}
_looking = threading.Lock()


def _forget() -> None:
    """In a child made by `fork` there is no loop thread: what the parent has open is closed to it."""
    global _looking  # noqa: PLW0603  # another thread may have held it at the fork
    _storages.clear()
    _looking = threading.Lock()


os.register_at_fork(after_in_child=_forget)
