"""The keys of clients: made, listed and revoked in a file of the data folder, and found by what a request carries.

A key is `kya_ID_SECRET`. The file keeps the SHA-256 of the secret. A slow hash, as for passwords, would gain nothing:
the secret is 256 random bits, which no list of likely ones holds, and every request would pay for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_hex
from typing import Annotated

import msgspec
from msgspec import Meta

from kyanite.errors import ConfigError
from kyanite.folder import make_folder
from kyanite.http.scopes import Scope
from kyanite.private_file import open_lock, write_private

FILE = "keys.json"
LOCK = "keys.lock"
PREFIX = "kya"
SECRET_BYTES = 32
_NO_DIGEST = "0" * 64


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key: all but its secret."""

    id: str
    name: str
    scope: Annotated[str, Meta(pattern=r"^(?:read|submit|admin|operate)\Z")]
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    creation_time: datetime
    revocation_time: datetime | None = None
    workspace: str | None = None
    """The one that it opens. Of scope `operate`, it opens all, and the one of the daemon unless it is told another."""

    @property
    def scopes(self) -> list[str]:
        """What the key may do, from the least on."""
        return self.granted.included

    @property
    def granted(self) -> Scope:
        """The most that the key may do."""
        return Scope[self.scope.upper()]


class Keys:
    """The keys in a data folder. Other processes may make and revoke keys meanwhile: each look finds the newest.

    `workspace` is the daemon's own. Keys that name none open it: those made before there were several, and operators'.
    """

    def __init__(self, folder: str | Path, workspace: str = "default") -> None:
        """Read nothing yet; the folder need not exist."""
        self.folder = Path(folder).expanduser()
        self.workspace = workspace
        self._file = str(self.folder / FILE)  # as text, which is looked at in a microsecond, and a `Path` in five
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}

    def create(self, name: str = "", scope: Scope = Scope.SUBMIT, workspace: str | None = None) -> tuple[Key, str]:
        """Make a key, and return it with its text, which is kept nowhere. Raises `OSError`, `ConfigError`.

        It opens this workspace, or else the daemon's own; of scope `operate`, it opens all.
        """
        secret = token_hex(SECRET_BYTES)
        key = Key(
            id=token_hex(5),
            name=name,
            scope=scope.name.lower(),
            digest=_digest(secret),
            creation_time=datetime.now(UTC),
            workspace=None if scope is Scope.OPERATE else workspace,
        )
        with self._changing() as keys:
            keys[key.id] = key
        return self._named(key), f"{PREFIX}_{key.id}_{secret}"

    def revoke(self, key_id: str) -> Key | None:
        """Let a key open nothing from now on, and return it; `None` if there is none of this id."""
        with self._changing() as keys:
            key = keys.get(key_id)
            if key is not None and key.revocation_time is None:
                key = keys[key_id] = msgspec.structs.replace(key, revocation_time=datetime.now(UTC))
        return key and self._named(key)

    def all(self) -> list[Key]:
        """Return every key that was ever made, the oldest first. Raises `ConfigError` if the file is not readable."""
        self._look()
        return [self._named(key) for key in self._keys.values()]

    def ever_made(self) -> bool:
        """Tell whether a key was ever made."""
        self._look()
        return bool(self._keys)

    def valid(self) -> bool:
        """Tell whether there is a key that opens something."""
        return any(key.revocation_time is None for key in self.all())

    def find(self, text: str) -> Key | None:
        """Return the key that this is the text of, unless it is revoked."""
        self._look()
        prefix, key_id, secret = (*text.split("_", 2), "", "")[:3]
        key = self._keys.get(key_id) if prefix == PREFIX else None
        is_it = compare_digest(_digest(secret), key.digest if key else _NO_DIGEST)
        return self._named(key) if key and is_it and key.revocation_time is None else None

    def stands(self, key_id: str) -> bool:
        """Tell whether a key that was found is not revoked."""
        self._look()
        key = self._keys.get(key_id)
        return key is not None and key.revocation_time is None

    def _named(self, key: Key) -> Key:
        """Return the key with the workspace that it opens; the file goes on naming none, for other daemons' sake."""
        return key if key.workspace is not None else msgspec.structs.replace(key, workspace=self.workspace)

    def _look(self) -> None:
        """Read the file if it is another than the last time."""
        try:
            found = os.stat(self._file)  # noqa: PTH116
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return
        mark = found.st_ino, found.st_mtime_ns, found.st_size
        if mark != self._seen:
            self._keys = _read(Path(self._file))
            self._seen = mark

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """Hand out the keys to be changed, while no other process changes them, and store what became of them."""
        make_folder(self.folder)
        lock = open_lock(self.folder / LOCK)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._look()
            keys = dict(self._keys)
            yield keys
            if keys != self._keys:
                write_private(Path(self._file), msgspec.json.format(msgspec.json.encode(list(keys.values()))))
        finally:
            os.close(lock)


def _read(path: Path) -> dict[str, Key]:
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=list[Key])
    except (ValueError, RecursionError) as error:  # what msgspec raises, for text that is none, too
        raise ConfigError(f"{path} is not a file of keys: {error}") from error
    return {key.id: key for key in keys}


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
