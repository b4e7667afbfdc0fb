"""The bytes that a daemon keeps, as it keeps them: read and checked here against their hash."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import AsyncGenerator, Mapping
from hashlib import sha256

from kyanite.client.connection import Connection, path
from kyanite.client.retries import Lost
from kyanite.errors import BlobCorrupt, BlobMissing, InfrastructureError


def where(key: str, workspace: str) -> str:
    """Return the path of a blob. Raises `BlobMissing` for one of another workspace, and for what is no key."""
    own, *parts = key.split("/")
    if own != workspace:
        raise BlobMissing(key)
    try:
        return path("blobs", *parts)
    except ValueError as error:
        raise BlobMissing(repr(key)) from error


async def whole(connection: Connection, workspace: str, key: str, digest: str | None) -> tuple[bytes, str]:
    """Return a blob's content and content type. Raises `BlobMissing`, `BlobCorrupt`."""
    answer = await connection.ask("GET", where(key, workspace))
    _check(key, _told(answer.headers), digest)
    _check(key, sha256(answer.body).hexdigest(), digest or _told(answer.headers))
    return answer.body, answer.headers.get("Content-Type", "application/octet-stream")


async def chunks(connection: Connection, workspace: str, key: str, digest: str | None) -> AsyncGenerator[bytes]:
    """Yield a blob's content; where it breaks off, it goes on. Raises `BlobMissing`, and `BlobCorrupt` at the end."""
    retries, hashed, start, size = connection.retries(), sha256(), 0, -1
    while start != size:
        part = {"Range": f"bytes={start}-"} if start else {}
        try:
            async with connection.stream(where(key, workspace), headers=part) as streamed:
                if start and streamed.status != 206:
                    raise InfrastructureError(f"{connection.address} sends {key} from its start, not from {start:,}")
                digest = digest or _told(streamed.headers)
                _check(key, _told(streamed.headers), digest)
                size = start + int(streamed.headers["Content-Length"])
                async for chunk in streamed.chunks:
                    retries.answered()
                    hashed.update(chunk)
                    start += len(chunk)
                    yield chunk
        except Lost as lost:
            await retries.pause(lost)
    _check(key, hashed.hexdigest(), digest)


def _check(key: str, found: str | None, expected: str | None) -> None:
    if found is not None and expected is not None and found != expected:
        raise BlobCorrupt(f"{key} is not what the job's row says it is")


def _told(headers: Mapping[str, str]) -> str | None:
    """Return the hash that an answer gives its content, in hexadecimal: RFC 9530, `Repr-Digest`."""
    name, _, value = headers.get("Repr-Digest", "").partition("=")
    if name != "sha-256":
        return None
    try:
        return b64decode(value.strip(":"), validate=True).hex()
    except binascii.Error:
        return None
