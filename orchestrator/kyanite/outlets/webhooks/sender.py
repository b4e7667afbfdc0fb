"""The posts themselves: one session for all endpoints, which believes nothing that they answer but the status."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
import anyio
from yarl import URL

from kyanite.config import DeliverySettings
from kyanite.errors import InvalidRequest, Undelivered
from kyanite.outlets.webhooks.answer import BUSY, excerpt, retry_after_s
from kyanite.outlets.webhooks.connecting import HOST, Lookup, Refused, connector
from kyanite.outlets.webhooks.guard import checked_url
from kyanite.ports import Receipt

READ_BYTES_MAX = 1 << 16
URLS_MAX = 1_024
TURNS = 3
"""Turns of the event loop in which closed connections leave it, which may itself be closed next."""
GONE = 410
_TROUBLES: dict[type[Exception], str] = {
    aiohttp.ClientSSLError: "does not speak TLS as it should",
    aiohttp.ClientConnectorDNSError: "has a name that does not resolve",
    aiohttp.ClientResponseError: "answered, and not in HTTP",
}
_CLOSED = "closed the connection without an answer"


class Gone(Undelivered):
    """The endpoint wants no more events."""


class Sender:
    """Posts to webhooks, as `delivery` allows.

    `async with` it. It follows no redirects, has no cookies, uses no proxy of the environment, decompresses nothing,
    and reads at most 64 KiB of an answer. `lookup` is in place of the system's resolver, and `context` of the
    certificates that the system trusts.
    """

    def __init__(
        self, delivery: DeliverySettings, *, lookup: Lookup | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        """Take what it goes by."""
        self._timeout_s = delivery.timeout_s
        self._delivery = delivery
        self._lookup = lookup
        self._context = context
        self._checked = lru_cache(URLS_MAX)(lambda url: checked_url(url, delivery))
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            connector=connector(self._delivery, self._lookup, self._context),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, ceil_threshold=self._timeout_s + 1),
            headers={"Accept-Encoding": "identity", "User-Agent": "kyanite"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=READ_BYTES_MAX // 4,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is None:
            return
        with anyio.CancelScope(shield=True):
            await session.close()
            for _ in range(TURNS):
                await anyio.lowlevel.checkpoint()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Send a message; return how it was taken, which is a status of 200 to 299.

        Raises `Gone` for 410, and `Undelivered` whatever else came of it: neither tells more of the URL than scheme,
        host and port.
        """
        if self._session is None:
            raise RuntimeError("the sender is not open: use `async with`")
        try:
            target = self._checked(url)
        except InvalidRequest as error:
            raise Undelivered(str(error).partition(": ")[2]) from None
        name = HOST.set(target.raw_host)
        try:
            with _told(str(target.origin()), self._timeout_s):
                async with self._session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
                    return _receipt(answer, target, await _beginning(answer))
        finally:
            HOST.reset(name)


def _receipt(answer: aiohttp.ClientResponse, target: URL, body: bytes) -> Receipt:
    """Return what a good answer is worth. Raises `Gone` and `Undelivered` for the others."""
    encoded = answer.headers.get("Content-Encoding", "identity").lower() != "identity"
    text = "" if encoded else excerpt(body, secret=target.raw_path_qs)
    status = answer.status
    if 200 <= status <= 299:
        return Receipt(status, text)
    words = f"{target.origin()} answered {status}"
    if status == GONE:
        raise Gone(words, status=status, excerpt=text)
    wait_s = retry_after_s(answer.headers.get("Retry-After"), time.time()) if status in BUSY else None
    raise Undelivered(words, status=status, excerpt=text, retry_after_s=wait_s)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """Return the first 64 KiB of a body at most, less where it breaks off or does not come in time.

    The status says all that counts, and has come. The connection is of use again only where the body has ended.
    """
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        while len(body) < READ_BYTES_MAX:
            piece = await answer.content.read(READ_BYTES_MAX - len(body))
            if not piece:
                return bytes(body)
            body += piece
    answer.close()
    return bytes(body)


@contextmanager
def _told(origin: str, timeout_s: float) -> Iterator[None]:
    """Turn whatever aiohttp raises into `Undelivered`: its own words hold the URL."""
    try:
        yield
    except TimeoutError:
        raise Undelivered(f"{origin} did not answer within {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Undelivered(f"{origin} {_trouble(error)}") from None


def _trouble(error: Exception) -> str:
    """Return what hindered a post, in words that repeat nothing of the URL or of the answer."""
    cause = getattr(error, "os_error", None)
    if isinstance(cause, Refused):
        return str(cause)
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as why):
            return f"is not who it says it is: {why.verify_message}"
        case aiohttp.ClientConnectorError(errno=number) if not isinstance(error, tuple(_TROUBLES)):
            return f"can not be reached: {os.strerror(number) if number else 'no connection'}"
    return next((words for kind, words in _TROUBLES.items() if isinstance(error, kind)), _CLOSED)
