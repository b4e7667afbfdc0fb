"""From the global options to an open workspace, and one coroutine that runs in it.

`reading` opens beside whoever owns the store and changes nothing. `writing` owns the store but executes no job.
`driving` executes every job of the workspace while it is open.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from kyanite.cli.exits import Stop

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.cli.session import Session
    from kyanite.config import Resolved, Settings

T = TypeVar("T")


class Owned(Stop):
    """Another process has the store."""

    def __init__(self, message: str, pid: int | None) -> None:
        """Say which."""
        self.pid = pid
        super().__init__(message)


SHUTDOWN_GRACE_S = 0.5
"""Whoever presses Ctrl-C waits no longer for jobs to end by themselves; they go on another time anyway."""


def reading(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace that is open for reading. Raises `Stop` where there is no store."""
    return _run(session, action, read_only=True)


def writing(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace that executes nothing. Raises `Stop` while another process owns the store."""
    return _run(session, action, drive=False)


def driving(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action while the workspace executes its jobs. Raises `Stop` while another process owns the store."""
    return _run(session, action)


def closed(session: Session) -> Workspace:
    """Return the workspace without opening it: it knows its targets, and touches no file."""
    from kyanite import Workspace
    from kyanite.cli.loglines import log_lines

    with log_lines(session, resolved(session)):
        return Workspace.open(settings(session), drive=False)


def resolved(session: Session) -> Resolved:
    """Return what the global options, the environment and the file say. Raises `ConfigError`."""
    if session.resolved is None:
        from kyanite.config import resolve

        flags = {"data_dir": session.data_dir, "workspace": _workspace(session.workspace), **session.flags}
        session.resolved = resolve(session.config, flags=flags)
    return session.resolved


def _workspace(name: str | None) -> str | None:
    """Return the workspace that a script of the SDK means by this name."""
    if name is None:
        return None
    from kyanite.sync.identity import workspace_name

    return workspace_name(name)


def settings(session: Session) -> Settings:
    """Return the settings of a command: those of the workspace, with little patience at its end."""
    from msgspec.structs import replace

    chosen = resolved(session).settings
    limits = replace(chosen.limits, shutdown_grace_s=min(chosen.limits.shutdown_grace_s, SHUTDOWN_GRACE_S))
    return replace(chosen, limits=limits)


@asynccontextmanager
async def opened(session: Session, *, read_only: bool = False, drive: bool = True) -> AsyncIterator[Workspace]:
    """Open the workspace. Raises `StoreOwned`, and `Stop` where there is nothing to read."""
    from kyanite import Workspace

    chosen = settings(session)
    if read_only:
        _require_store(chosen)
    async with Workspace.open(chosen, read_only=read_only, drive=drive) as workspace:
        yield workspace


def _run(
    session: Session, action: Callable[[Workspace], Awaitable[T]], *, read_only: bool = False, drive: bool = True
) -> T:
    from kyanite.cli.interrupts import run
    from kyanite.cli.loglines import log_lines
    from kyanite.errors import StoreOwned

    async def inside() -> T:
        if not gc.isenabled():
            # `main` has turned it off. What is imported by now will stay: looking through it would take 10 ms.
            gc.freeze()
            gc.enable()
        async with opened(session, read_only=read_only, drive=drive) as workspace:
            return await action(workspace)

    try:
        with log_lines(session, resolved(session)):
            return run(inside, session)
    except StoreOwned as owned:
        message = (
            f"process {owned.pid or 'unknown'} has {settings(session).data_dir} open; wait for its end or stop it "
            "(job list, show, wait, watch, output and story work meanwhile)"
        )
        raise Owned(message, owned.pid) from owned


def _require_store(chosen: Settings) -> None:
    from kyanite.runtime.storage import store_of
    from kyanite.stores.sqlite import SQLiteStore

    store = store_of(chosen)
    if isinstance(store, SQLiteStore) and not store.path.exists():
        raise Stop(f"there are no jobs in {store.path.parent} yet; `kyanite solve FILE` makes the first")
