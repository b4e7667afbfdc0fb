"""The HTTP session beneath a connection: who asks, whom it trusts, and how it notices that a machine is gone."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import anyio

from kyanite.client.endpoint import key_of_environment
from kyanite.errors import ConfigError
from kyanite.logs import keep_secret

KEEP_ALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
TURNS: Final = 3
"""Turns of the event loop in which closed connections leave it, which may itself be closed next."""
UNTAKEN_MS: Final = 60_000
"""How long what was sent may stay without the other machine's word that it arrived."""


@asynccontextmanager
async def session_with(
    address: str, api_key: str | None, workspace: str | None, authority: str | Path | None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open what requests go through: the key, the workspace's name and the certificates to trust, on each of them.

    The key is by default that of KYANITE_API_KEY; log lines do not show it.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "kyanite"}  # what is stored comes as it is
    key = api_key or key_of_environment()
    if key is not None:
        keep_secret(key)
        headers["Authorization"] = f"Bearer {key}"
    if workspace is not None:
        headers["Kyanite-Workspace"] = workspace
    encrypted = address.startswith("https:")  # else there is nobody to trust, and looking for whom takes a while
    connector = aiohttp.TCPConnector(limit=0, ssl=trusting(authority) if encrypted else True, socket_factory=_socket)
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_once_only,),
        ) as session:
            yield session
    finally:
        with anyio.CancelScope(shield=True):
            for _ in range(TURNS):
                await anyio.lowlevel.checkpoint()


class _Broken(aiohttp.ClientError):
    """A connection broke."""


async def _once_only(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending some requests again by itself: it would tell nobody that they may have been done."""
    try:
        return await handler(request)
    except aiohttp.ClientSSLError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(str(error)) from error


def trusting(authority: str | Path | None) -> ssl.SSLContext:
    """Return what decides whom to trust: the system's authorities, and those in a file. Raises `ConfigError`."""
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{authority} holds no certificates to trust: {error}") from error
    return context


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket that notices when the other machine has gone without a word."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MS)
    return made
