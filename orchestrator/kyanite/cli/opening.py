"""From the global options to an open workspace, and one coroutine that runs in it.

`reading` opens beside whoever owns the store and changes nothing. `writing` owns the store but executes no job.
`driving` executes every job of the workspace while it is open. Where a daemon is named, all of them go to it; where one
has the data folder open, the last two do.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from kyanite.cli.exits import Stop
from kyanite.cli.session import Session, nothing_left
from kyanite.cli.way import Way, care_of, into, knock, logged, named, workspace_named, workspace_of

if TYPE_CHECKING:
    from kyanite import Target, Workspace
    from kyanite.client.care import Care
    from kyanite.config import Resolved, Settings
    from kyanite.errors import StoreOwned

T = TypeVar("T")
P = TypeVar("P")


class Owned(Stop):
    """Another process has the store."""

    def __init__(self, message: str, pid: int | None, way: Way | None) -> None:
        """Say which, and how to reach it if it is a daemon."""
        self.pid = pid
        self.way = way
        super().__init__(message)


class Away(Stop):
    """A daemon does not answer any more, and what was asked of it is left."""


SHUTDOWN_GRACE_S = 0.5
"""Whoever presses Ctrl-C waits no longer for jobs to end by themselves; they go on another time anyway."""


def reading(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace that is open for reading. Raises `Stop` where there is no store."""
    way = named(session)
    return on_daemon(session, way, action) if way is not None else _here(session, action, read_only=True)


def writing(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace that executes nothing here. Raises `Owned` where the owner is no daemon."""
    return _changing(session, action, drive=False)


def driving(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action while the workspace executes its jobs. Raises `Owned` where the owner is no daemon."""
    return _changing(session, action, drive=True)


def owning(session: Session, action: Callable[[Workspace], Awaitable[T]], *, drive: bool = True) -> T:
    """Run the action in the data folder. Raises `Owned` while another process owns the store."""
    from kyanite.errors import StoreOwned

    try:
        return _here(session, action, drive=drive)
    except StoreOwned as owned:
        raise _owned(session, owned) from owned


def on_daemon(session: Session, way: Way, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace of a daemon. Raises `AccessDenied` and `Unreachable`, or `Away` if work is left."""
    from kyanite.errors import Unreachable

    try:
        return _run(session, _there(session, way, workspace_of), action)
    except Unreachable as error:
        if session.left is nothing_left:
            raise
        raise Away(f"{error}; {session.left()}") from error


def caring(session: Session, way: Way, action: Callable[[Care], Awaitable[T]]) -> T:
    """Run the action with what a daemon tells of itself. Raises what `on_daemon` does."""
    return _run(session, _there(session, way, care_of), action)


def targets(session: Session) -> list[Target]:
    """Return where jobs can go: the targets of the daemon that is named, or of the providers installed here."""
    way = named(session)
    if way is None:
        return closed(session).targets()

    async def there(workspace: Workspace) -> list[Target]:
        return workspace.targets()

    return on_daemon(session, way, there)


def closed(session: Session) -> Workspace:
    """Return the workspace without opening it: it knows its targets, and touches no file."""
    from kyanite import Workspace
    from kyanite.cli.loglines import log_lines

    with log_lines(session, resolved(session)):
        return Workspace.open(settings(session), drive=False)


def resolved(session: Session) -> Resolved:
    """Return what the global options, the environment and the file say. Raises `ConfigError`.

    Where a daemon is named, it has settings of its own, and only what concerns log lines counts here.
    """
    if session.resolved is None:
        from kyanite.config import resolve

        if named(session) is not None:
            session.resolved = resolve(None, logged(os.environ))
        else:
            flags = {"data_dir": session.data_dir, "workspace": workspace_named(session.workspace), **session.flags}
            session.resolved = resolve(session.config, flags=flags)
    return session.resolved


def settings(session: Session) -> Settings:
    """Return the settings of a command: those of the workspace, with little patience at its end."""
    from msgspec.structs import replace

    chosen = resolved(session).settings
    limits = replace(chosen.limits, shutdown_grace_s=min(chosen.limits.shutdown_grace_s, SHUTDOWN_GRACE_S))
    return replace(chosen, limits=limits)


def refuse_daemon(session: Session, instead: str) -> None:
    """Raise `UsageError` if a daemon is named, which is not asked for such things; say what to do instead."""
    way = named(session)
    if way is not None:
        import click

        raise click.UsageError(f"this is not done by way of {way.address}; {instead}")


def _changing(session: Session, action: Callable[[Workspace], Awaitable[T]], *, drive: bool) -> T:
    way = named(session)
    if way is None:
        try:
            return owning(session, action, drive=drive)
        except Owned as owned:
            if owned.way is None:
                raise
            way = owned.way
    return on_daemon(session, way, action)


def _here(
    session: Session, action: Callable[[Workspace], Awaitable[T]], *, read_only: bool = False, drive: bool = True
) -> T:
    session.daemon = None
    return _run(session, _opened(session, read_only=read_only, drive=drive), action)


@asynccontextmanager
async def _opened(session: Session, *, read_only: bool, drive: bool) -> AsyncIterator[Workspace]:
    """Open the data folder. Raises `StoreOwned`, and `Stop` where there is nothing to read."""
    from kyanite import Workspace

    chosen = settings(session)
    if read_only:
        _require_store(chosen)
    async with Workspace.open(chosen, read_only=read_only, drive=drive) as workspace:
        _tell(session, f"{'looking into' if read_only else 'opened'} {chosen.data_dir}")
        yield workspace


def _there(
    session: Session, way: Way, connect: Callable[[Way], AbstractAsyncContextManager[P]]
) -> AbstractAsyncContextManager[P]:
    knock(way)
    session.daemon = way.address
    _tell(session, f"on the daemon at {way.address}")
    return connect(way)


def _tell(session: Session, which_way: str) -> None:
    if session.verbose:
        session.say(which_way)


def _run(session: Session, opened: AbstractAsyncContextManager[P], action: Callable[[P], Awaitable[T]]) -> T:
    from kyanite.cli.interrupts import run
    from kyanite.cli.loglines import log_lines

    async def inside() -> T:
        if not gc.isenabled():
            # `main` has turned it off. What is imported by now will stay: looking through it would take 10 ms.
            gc.freeze()
            gc.enable()
        async with opened as workspace:
            return await action(workspace)

    with log_lines(session, resolved(session)):
        return run(inside, session)


def _owned(session: Session, owned: StoreOwned) -> Owned:
    chosen = settings(session)
    way = into(chosen, owned.endpoint)
    if owned.endpoint is None:
        instead = "wait for its end or stop it (job list, show, wait, watch, output and story work meanwhile)"
    else:
        instead = f"it is the daemon at {owned.endpoint}, which --endpoint and a key in KYANITE_API_KEY reach"
    return Owned(f"process {owned.pid or 'unknown'} has {chosen.data_dir} open; {instead}", owned.pid, way)


def _require_store(chosen: Settings) -> None:
    from kyanite.runtime.storage import store_of
    from kyanite.stores.sqlite import SQLiteStore

    store = store_of(chosen)
    if isinstance(store, SQLiteStore) and not store.path.exists():
        raise Stop(f"there are no jobs in {store.path.parent} yet; `kyanite solve FILE` makes the first")
