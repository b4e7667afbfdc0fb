"""The way to a daemon: named by --endpoint or KYANITE_ENDPOINT, or found in the data folder that it has open."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.cli.session import Session
    from kyanite.client.care import Care
    from kyanite.config import Settings

ENDPOINT = "KYANITE_ENDPOINT"
WORKSPACE = "KYANITE_WORKSPACE"
LOG = "KYANITE_LOG__"
PATIENCE_S = 60.0
"""How long a daemon is waited for that was there and does not answer any more: about as long as a restart takes."""
CONNECT_S = 5.0
STARTING_S = 3.0
"""How long a daemon that owns the folder is waited for that does not answer yet."""
POLL_S = 0.02


class Way(NamedTuple):
    """Where a daemon is, what opens it, and which of its workspaces is meant: if none, the one of the key."""

    address: str
    api_key: str | None = None
    workspace: str | None = None
    authority: str | None = None

    def __repr__(self) -> str:
        """Show all but the key."""
        return f"Way({self.address!r}, {self.workspace!r})"


def named(session: Session) -> Way | None:
    """Return the way to the daemon that is named. Raises `UsageError`; --data-dir goes before KYANITE_ENDPOINT."""
    if session.endpoint is not None and session.data_dir is not None:
        raise click.UsageError("--endpoint and --data-dir exclude each other: a daemon has its own folder")
    given = session.endpoint or ("" if session.data_dir is not None else os.environ.get(ENDPOINT, ""))
    if not given:
        return None
    from kyanite.client import endpoint_of
    from kyanite.errors import ConfigError

    try:
        address = endpoint_of(given)
    except ConfigError as error:
        source = ENDPOINT if session.endpoint is None else "--endpoint"
        raise click.BadParameter(str(error).partition(": ")[2], param_hint=source) from None
    return Way(address, None, workspace_named(session.workspace or os.environ.get(WORKSPACE)))


def workspace_named(name: str | None) -> str | None:
    """Return the workspace that a script of the SDK means by this name."""
    if not name:
        return None
    from kyanite.sync.identity import workspace_name

    return workspace_name(name)


def logged(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment says of log lines, which is all that counts where a daemon has the other settings."""
    return {name: value for name, value in environ.items() if name.upper().startswith(LOG)}


def into(settings: Settings, address: str | None) -> Way | None:
    """Return the way to the daemon at this address, the owner of the store, that its data folder shows.

    A daemon that is about to answer is waited for a moment. `None` for one whose folder is not to be read.
    """
    if address is None:
        return None
    from kyanite.http.door import door_in

    folder, deadline = Path(settings.data_dir).expanduser(), monotonic() + STARTING_S
    while (door := door_in(folder, address)) is None:
        if monotonic() > deadline:
            return None
        sleep(POLL_S)
    return Way(door.address, door.key, settings.workspace, door.authority)


def knock(way: Way) -> None:
    """Raise `Unreachable` unless something listens there: who is told at once can correct the address."""
    import socket
    from urllib.parse import urlsplit

    from kyanite.errors import Unreachable

    parts = urlsplit(way.address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), CONNECT_S).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise Unreachable(f"{way.address}: {reason}") from error


@asynccontextmanager
async def workspace_of(way: Way) -> AsyncIterator[Workspace]:
    """Connect to the daemon. Raises `AccessDenied`, `Unreachable`."""
    from kyanite import Workspace

    connected = Workspace.connect(
        way.address,
        api_key=way.api_key,
        workspace=way.workspace,
        authority=way.authority,
        patience_s=PATIENCE_S,
    )
    async with connected as workspace:
        yield workspace


@asynccontextmanager
async def care_of(way: Way) -> AsyncIterator[Care]:
    """Connect to what a daemon tells of itself. Raises `AccessDenied`, `Unreachable`."""
    from kyanite.client.care import caring

    async with caring(
        way.address,
        api_key=way.api_key,
        workspace=way.workspace,
        authority=way.authority,
        patience_s=PATIENCE_S,
    ) as care:
        yield care
