"""The door that a daemon keeps for whoever may read its data folder: where it answers, and a key that opens all of it.

It is a private file, made once the daemon answers and removed at its end. The key lives as long as the daemon and is
kept nowhere else. What a daemon that was killed has left behind opens nothing: the next one has another key, and a door
counts only where it leads to the address that the store's owner has written into its lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import msgspec

from kyanite.logs import keep_secret, logger
from kyanite.private_file import SECRET_BYTES, write_private

FILE = "daemon.json"


class Door(msgspec.Struct, frozen=True):
    """A way into a running daemon."""

    address: str
    """Where it answers, such as `http://127.0.0.1:8473`."""
    key: str
    """What a request carries as its key; it has scope `operate`."""
    authority: str | None = None
    """The file of the certificate to trust, if one was made for this machine."""

    def __repr__(self) -> str:
        """Show all but the key."""
        return f"Door({self.address!r})"


def new_key() -> str:
    """Return a key that nobody has; log lines never show it."""
    key = token_hex(SECRET_BYTES)
    keep_secret(key)
    return key


@contextmanager
def kept(folder: Path, door: Door) -> Iterator[None]:
    """Keep the door in a folder as long as the block lasts. Where it can not be written, the daemon goes on without."""
    path = folder / FILE
    try:
        write_private(path, msgspec.json.encode(door))
    except OSError as error:
        logger().warning("commands on the data folder will not find this daemon", file=str(path), error=str(error))
    try:
        yield
    finally:
        if _read(path) == door:
            with suppress(OSError):
                path.unlink()


def door_in(folder: Path, address: str | None) -> Door | None:
    """Return the door that leads to this address, the owner's of the store, if there is one that can be read."""
    door = _read(folder / FILE)
    return door if door is not None and door.address == address else None


def _read(path: Path) -> Door | None:
    with suppress(OSError, ValueError, RecursionError):  # what msgspec raises, for text that is none, too
        return msgspec.json.decode(path.read_bytes(), type=Door)
    return None
