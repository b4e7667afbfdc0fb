"""Connections to webhooks: no socket connects to an address that was not checked.

A name is resolved when a connection is made, and every address that it has is checked then; the socket itself checks
once more what it is told to connect to. So it does not matter what the name meant before, or means later.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from kyanite.config import DeliverySettings
from kyanite.outlets.webhooks.guard import ELSEWHERE, is_allowed

Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses that a name has. Raises `OSError`."""

HOST: ContextVar[str | None] = ContextVar("kyanite_webhook_host", default=None)
"""Whom the current task connects to: an address may be allowed for one host only."""
KEPT_S = 4.0
"""How long an unused connection is kept: less than servers keep theirs, so that none is used as it is closed."""
RESOLVED_S = 10
LOOKUPS_MAX = 256
"""How many names may be looked up at once. Each takes a thread, for as long as a name server says nothing."""
_lookups = threading.BoundedSemaphore(LOOKUPS_MAX)


class Refused(OSError):
    """A webhook leads to where it may not."""

    def __init__(self) -> None:
        """Say so, and not where: a name server's answer is nobody's business."""
        super().__init__(ELSEWHERE)


def connector(
    delivery: DeliverySettings, lookup: Lookup | None = None, context: ssl.SSLContext | None = None
) -> aiohttp.TCPConnector:
    """Return what makes the connections of a session. `HOST` has to be set where they are made.

    `lookup` is in place of the system's resolver, and `context` of the certificates that the system trusts.
    """

    def made(address: aiohttp.AddrInfoType) -> socket.socket:
        return _Socket(address, delivery)

    return aiohttp.TCPConnector(
        resolver=_Resolver(delivery, lookup or _system_lookup),
        socket_factory=made,
        ssl=context or ssl.create_default_context(),
        ttl_dns_cache=RESOLVED_S,
        keepalive_timeout=KEPT_S,
        limit=0,  # lanes are bounded, each on its own
    )


class _Resolver(AbstractResolver):
    """Resolves names; one that has an address which is not allowed is refused altogether."""

    def __init__(self, delivery: DeliverySettings, lookup: Lookup) -> None:
        self._delivery = delivery
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = list(dict.fromkeys(await self._lookup(host, port)))
        if not found:
            raise OSError("the name has no address")
        for address in found:
            _check(address, host, self._delivery)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for address in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


class _Socket(socket.socket):
    """A socket that connects only to what is allowed."""

    def __init__(self, address: aiohttp.AddrInfoType, delivery: DeliverySettings) -> None:
        super().__init__(*address[:3])
        self._delivery = delivery
        self._host = HOST.get()

    def connect(self, address: Any, /) -> None:
        _check(address[0], self._host, self._delivery)
        super().connect(address)


def _check(address: str, host: str | None, delivery: DeliverySettings) -> None:
    try:
        allowed = is_allowed(ip_address(address), host, delivery)
    except ValueError:  # no address at all
        allowed = False
    if not allowed:
        raise Refused


async def _system_lookup(host: str, port: int) -> Sequence[str]:
    """Ask the system, in a thread of its own: a name server may be silent, and neither others nor an exit wait."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(found: Sequence[str], error: OSError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def look() -> None:
        found: Sequence[str] = ()
        error = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [str(address[0]) for *_, address in infos]
        except OSError as caught:
            error = caught
        except UnicodeError:
            error = OSError("no name of a host")
        finally:
            _lookups.release()
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, found, error)

    if not _lookups.acquire(blocking=False):
        raise OSError("too many names are being looked up")
    try:
        threading.Thread(target=look, name="kyanite-lookup", daemon=True).start()
    except RuntimeError:  # there may be no more threads, or the interpreter ends
        _lookups.release()
        raise OSError("no thread is to be had") from None
    return await answer
