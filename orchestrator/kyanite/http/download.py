"""A blob as an answer: whole or in part, as it is stored, no faster than the client reads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from aiohttp import web

from kyanite import Workspace
from kyanite.errors import KyaniteError
from kyanite.http.service import WORKSPACE
from kyanite.logs import logger
from kyanite.ports import Blob


async def download(
    request: web.Request, blob: Blob, asked: tuple[int, int] | None, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send a blob, or the range of it that was asked for. What is found to be wrong with it never arrives whole."""
    start, end = asked or (0, blob.size)
    status, sent = 200, dict(headers)
    if asked:
        status, sent["Content-Range"] = 206, f"bytes {start}-{end - 1}/{blob.size}"
    response = web.StreamResponse(status=status, headers=sent)
    response.content_length = end - start
    if request.method == "HEAD":
        return response
    async with aclosing(_ahead(request[WORKSPACE], blob.key, start, end)) as chunks:
        first, last = await anext(chunks)
        if last:
            return web.Response(status=status, headers=sent, body=first)
        await response.prepare(request)
        await _send(request, response, first, chunks)
    return response


async def _ahead(workspace: Workspace, key: str, start: int, end: int) -> AsyncGenerator[tuple[bytes, bool]]:
    """Yield chunks, and whether each is the last: which shows only when the store has found nothing wrong behind it."""
    held = None
    chunks = workspace.blobs.read(key, start, end)
    try:
        async for chunk in chunks:
            if held is not None:
                yield held, False
            held = chunk
    finally:
        if isinstance(chunks, AsyncGenerator):  # it has a file open
            await chunks.aclose()
    yield held or b"", True


async def _send(
    request: web.Request, response: web.StreamResponse, first: bytes, chunks: AsyncIterator[tuple[bytes, bool]]
) -> None:
    """Write the chunks; if there is something wrong with the blob, cut the connection before the last has gone."""
    try:
        await response.write(first)
        async for chunk, _ in chunks:
            await response.write(chunk)
    except KyaniteError as error:
        logger().error("download broken off", path=request.path, error=str(error))
        if request.transport is not None:
            request.transport.abort()
