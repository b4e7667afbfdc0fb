"""What a daemon tells of itself, and the keys that open it: what `kyanite` asks on behalf of whoever operates it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from kyanite.client.answers import read
from kyanite.client.connection import Around, Connection, Query, path
from kyanite.client.listing import Page, items
from kyanite.client.retries import Lost
from kyanite.client.session import session_with
from kyanite.client.uploads import json_body
from kyanite.config import Row
from kyanite.core.findings import Finding
from kyanite.errors import Unreachable
from kyanite.http.scopes import Scope
from kyanite.runtime.audit import Breach, Tally
from kyanite.runtime.system import SystemClock, SystemEntropy

K = TypeVar("K", bound="KeyRecord")


OPERATE = Scope.OPERATE.name.lower()


class KeyRecord(Struct, frozen=True, kw_only=True):
    """What is known of a key. One of scope `operate` is of no workspace: it opens all."""

    id: str
    name: str
    scope: str
    workspace: str | None
    creation_time: datetime
    revocation_time: datetime | None = None

    @property
    def scopes(self) -> list[str]:
        """What the key may do, from the least on."""
        return Scope[self.scope.upper()].included


class NewKey(KeyRecord, frozen=True, kw_only=True):
    """A key that was made now, with its text."""

    key: str


class Settings(NamedTuple):
    """Every setting of a daemon, and all of them as a file."""

    rows: list[Row]
    toml: str


class _Setting(Struct):
    path: str
    value: str
    origin: str


class _Settings(Struct):
    items: list[_Setting]
    toml: str


class _Line(Struct):
    breach: Breach | None = None
    progress: Tally | None = None
    summary: Tally | None = None


class Care:
    """A daemon, as whoever operates it asks it."""

    def __init__(self, connection: Connection) -> None:
        """Ask through this connection."""
        self.connection = connection

    async def check(self, *, read_blobs: bool) -> AsyncGenerator[Breach | Tally]:
        """Yield what does not hold, how far the check is in between, and at the end what it has counted.

        Raises `Unreachable` if it breaks off: it is not begun anew.
        """
        query = [("blobs", "true")] if read_blobs else []
        async with aclosing(self._lines(path("check"), query)) as lines:
            async for line in lines:
                told = read(line, _line)
                yield told.breach or told.progress or told.summary or Tally()
                if told.summary is not None:
                    return
        raise Unreachable("it ended before the check did")

    async def findings(self) -> AsyncGenerator[Finding]:
        """Yield what the daemon finds when it looks itself over. Raises `Unreachable` if it breaks off."""
        async with aclosing(self._lines(path("doctor"))) as lines:
            async for line in lines:
                yield read(line, _finding)

    async def settings(self) -> Settings:
        """Return every setting of the daemon, and where it comes from."""
        told = read((await self.connection.ask("GET", path("settings"))).body, _settings)
        return Settings([Row(each.path, each.value, each.origin) for each in told.items], told.toml)

    async def keys(self) -> list[KeyRecord]:
        """Return the keys of the workspace, the oldest first."""
        return [_of_none(key) async for key in items(self.connection, path("keys"), [], _keys)]

    async def create_key(self, name: str, scope: str) -> NewKey:
        """Make a key for the workspace."""
        body = json_body({"name": name, "scope": scope})
        return _of_none(read((await self.connection.ask("POST", path("keys"), body=body)).body, _new_key))

    async def revoke_key(self, key_id: str) -> KeyRecord | None:
        """Let a key open nothing any more, and return it; `None` if there is none of this id."""
        if key_id not in {key.id for key in await self.keys()}:
            return None
        await self.connection.ask("DELETE", path("keys", key_id))
        return next((key for key in await self.keys() if key.id == key_id), None)

    async def _lines(self, where: str, query: Query = ()) -> AsyncGenerator[bytes]:
        """Yield the lines of an answer as they come."""
        rest = b""
        try:
            async with self.connection.stream(where, query) as streamed:
                async for chunk in streamed.chunks:
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield line
        except Lost as lost:
            raise lost.error or Unreachable(str(lost)) from lost


@asynccontextmanager
async def caring(
    url: str,
    *,
    api_key: str | None = None,
    workspace: str | None = None,
    authority: str | Path | None = None,
    patience_s: float = 60.0,
) -> AsyncIterator[Care]:
    """Ask a daemon as long as the block lasts. The arguments are those of `Workspace.connect`."""
    async with session_with(url, api_key, workspace, authority) as session:
        connection = Connection(url, session, Around(SystemClock(), SystemEntropy(), patience_s=patience_s))
        try:
            yield Care(connection)
        finally:
            connection.close()


def _of_none(key: K) -> K:
    """Return a key with the workspace that it is bound to; a daemon names its own where it is to none."""
    return msgspec.structs.replace(key, workspace=None) if key.scope == OPERATE else key


_keys = msgspec.json.Decoder(Page[KeyRecord])
_new_key = msgspec.json.Decoder(NewKey)
_settings = msgspec.json.Decoder(_Settings)
_finding = msgspec.json.Decoder(Finding)
_line = msgspec.json.Decoder(_Line)
