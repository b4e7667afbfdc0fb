"""Keys of the caller's workspace: listed, made, and revoked, none of them above what the caller itself may do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import anyio.to_thread
from aiohttp import web
from msgspec import Struct
from msgspec.structs import asdict

from kyanite.http.answers import failure
from kyanite.http.keys import Key, Keys
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY
from kyanite.http.native.listing import behind, page
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, WORKSPACE
from kyanite.ports import microseconds

KEYS: web.AppKey[Keys] = web.AppKey("keys", Keys)
"""The keys of the daemon."""


class KeyRecord(Struct, frozen=True, kw_only=True):
    """What is known of a key, but for its text."""

    id: str
    name: str
    scope: str
    workspace: str
    creation_time: datetime
    revocation_time: datetime | None


class NewKey(KeyRecord, frozen=True, kw_only=True):
    """A key that was made now, with its text, which is shown this once and kept nowhere."""

    key: str


async def list_all(request: web.Request) -> web.Response:
    """List the keys of the workspace, the oldest first, with those that were revoked."""
    read = behind(request) or ()
    found = [key for key in _visible(request) if _place(key) > read]
    return page(request, found, lambda key: KeyRecord(**_described(key)), _place)


async def create(request: web.Request) -> web.Response:
    """Make a key for the workspace. Its text is in the answer, and nowhere else."""
    body, workspace = request[BODY], request[WORKSPACE].name
    scope = Scope[body.scope.upper()]
    if scope > request[ACCESS]:
        return failure(403, "Forbidden", f"a key of scope {request[ACCESS].name.lower()} makes none of {body.scope}")
    made, text = await anyio.to_thread.run_sync(_own(request).create, body.name, scope, workspace)
    return documents.answer(NewKey(**_described(made), key=text), 201, {"Cache-Control": "no-store"})


async def revoke(request: web.Request) -> web.Response:
    """Let a key open nothing from now on."""
    key_id = request.match_info["key_id"]
    if not any(key.id == key_id for key in _visible(request)):
        return failure(404, "KeyNotFound", f"No such key: {key_id!r:.200}")
    await anyio.to_thread.run_sync(_own(request).revoke, key_id)
    return web.Response(status=204)


def _visible(request: web.Request) -> list[Key]:
    """Return the keys that the caller may know of and revoke."""
    workspace, most = request[WORKSPACE].name, request[ACCESS]
    return [key for key in request.app[KEYS].all() if key.workspace == workspace and key.granted <= most]


def _own(request: web.Request) -> Keys:
    """Return the same keys to be changed in a thread, which is not to touch what requests are looked at with."""
    keys = request.app[KEYS]
    return Keys(keys.folder, keys.workspace)


def _described(key: Key) -> dict[str, Any]:
    return {name: value for name, value in asdict(key).items() if name != "digest"}


def _place(key: Key) -> tuple[int, str]:
    return microseconds(key.creation_time), key.id
