"""The daemon that has the data folder open, found without opening that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from kyanite.cli.opening import on_daemon, reading, settings
from kyanite.cli.session import Session
from kyanite.cli.way import Way, into, named

if TYPE_CHECKING:
    from kyanite import Workspace

T = TypeVar("T")


def way_to(session: Session) -> Way | None:
    """Return the way to the daemon that is named, or to the one that has the data folder open; `None` without any.

    Nor is there one where this can not be found out, such as on a system without a list of its locks.
    """
    return named(session) or _owner(session)


def looking(session: Session, action: Callable[[Workspace], Awaitable[T]]) -> T:
    """Run the action in a workspace that it only looks into, of a daemon if there is one: that knows what it is doing.

    Raises `Stop` where there is no store, and what `on_daemon` does.
    """
    way = way_to(session)
    return reading(session, action) if way is None else on_daemon(session, way, action)


def _owner(session: Session) -> Way | None:
    from kyanite.runtime.diagnosis.ownership import holder
    from kyanite.runtime.storage import store_of
    from kyanite.stores.lock import read_owner
    from kyanite.stores.sqlite import SQLiteStore

    chosen = settings(session)
    store = store_of(chosen)
    if not isinstance(store, SQLiteStore):
        return None
    lock = store.path.with_name(f"{store.path.name}.lock")
    return None if holder(lock) is None else into(chosen, read_owner(lock).endpoint)
