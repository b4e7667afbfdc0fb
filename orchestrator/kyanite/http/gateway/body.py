"""The body of an upload as a stream of chunks: bounded, as long as it says, and with the hash it says."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator

import anyio
from aiohttp import web

from kyanite.http.gateway.faults import Fault
from kyanite.http.service import SERVICE
from kyanite.http.whole_body import incoming, room_for

SLOWEST_BYTES_PER_S = 1024
"""What a client owes us in the long run. Every byte that it sends earns it time, and pauses are bounded besides."""

_MD5_HEADERS = ("Content-MD5", "x-ms-blob-content-md5")


def body_of(request: web.Request, bytes_max: int) -> AsyncIterator[bytes]:
    """Return the chunks of the body, of at most `bytes_max` altogether. Raises `Fault`, the iterator too.

    It raises `ConnectionError` when the client goes away: whoever reads must then leave nothing behind.
    """
    length = request.content_length
    if length is not None and length > bytes_max:
        raise _too_large(bytes_max)
    return _checked(request, length, bytes_max, _stated_md5(request))


async def short_body(request: web.Request, bytes_max: int) -> bytes:
    """Return a body that is read as a whole. Raises `Fault`, `TooManyBodies`."""
    with room_for(request, bytes_max if request.content_length is None else min(request.content_length, bytes_max)):
        return b"".join([chunk async for chunk in body_of(request, bytes_max)])


async def _checked(request: web.Request, length: int | None, bytes_max: int, md5s: list[bytes]) -> AsyncIterator[bytes]:
    digest = hashlib.md5(usedforsecurity=False) if md5s else None
    size = 0
    async for chunk in _chunks(request, request.app[SERVICE].settings.server.request_patience_s):
        size += len(chunk)
        if size > bytes_max:
            raise _too_large(bytes_max)
        if digest is not None:
            digest.update(chunk)
        yield chunk
    if length is not None and size != length:
        raise Fault(400, "IncompleteBody", f"the body has {size} bytes; its headers promise {length}")
    if digest is not None and any(md5 != digest.digest() for md5 in md5s):
        raise Fault(400, "Md5Mismatch", "the body does not have the MD5 that the headers promise")


async def _chunks(request: web.BaseRequest, patience_s: float) -> AsyncIterator[bytes]:
    """Yield what comes, as long as the client does not keep us waiting too long for it."""
    waited_s, size = 0.0, 0
    while True:
        credit_s = patience_s + size / SLOWEST_BYTES_PER_S - waited_s
        begun_s = anyio.current_time()
        try:
            with anyio.fail_after(min(patience_s, credit_s)), incoming(request):
                chunk = await request.content.readany()  # to ask for so much would have so much buffered
        except TimeoutError:
            raise Fault(408, "OperationTimedOut", f"the body came too slowly: {size} bytes so far") from None
        if not chunk:
            return
        waited_s += anyio.current_time() - begun_s
        size += len(chunk)
        yield chunk


def _stated_md5(request: web.BaseRequest) -> list[bytes]:
    try:
        md5s = [b64decode(request.headers[name], validate=True) for name in _MD5_HEADERS if name in request.headers]
    except (binascii.Error, ValueError):
        md5s = [b""]
    if any(len(md5) != 16 for md5 in md5s):
        raise Fault(400, "InvalidMd5", "an MD5 is 16 bytes in base64")
    return md5s


def _too_large(bytes_max: int) -> Fault:
    return Fault(413, "RequestBodyTooLarge", f"at most {bytes_max:,} bytes are allowed here")
