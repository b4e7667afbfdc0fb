"""Ownership of a store on this machine: a locked file beside it that says who holds it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from kyanite.errors import StoreOwned


class Owner(msgspec.Struct, frozen=True):
    """Who holds a store: process id, and the address to reach it, if it has one."""

    pid: int | None = None
    endpoint: str | None = None


def lock(path: Path, endpoint: str | None) -> int:
    """Lock `path`, creating it if needed, and return the descriptor that holds the lock until it is closed.

    The kernel lets go of the lock when the process ends, however it ends. Raises `StoreOwned`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = read_owner(path)
        os.close(descriptor)
        raise StoreOwned(str(path.parent), owner.pid, owner.endpoint) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, msgspec.json.encode(Owner(os.getpid(), endpoint)), 0)
    return descriptor


def read_owner(path: Path) -> Owner:
    """Return who wrote themselves into the lock file last; blank when nothing readable stands there."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=Owner)
    return Owner()
