"""A blob in blocks: uploaded one by one, in any order, and made a blob by a list of their ids."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import aclosing

import msgspec
from aiohttp import web

from kyanite.errors import BlobExists, BlobMissing
from kyanite.http.gateway.addresses import Place
from kyanite.http.gateway.blobs import check_writable
from kyanite.http.gateway.body import body_of, short_body
from kyanite.http.gateway.echo import echoed
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.properties import check_supported, stated, written
from kyanite.http.gateway.ranges import etag_of, http_date
from kyanite.http.gateway.staging import BLOCKS_MAX, Staging
from kyanite.http.service import SERVICE, WORKSPACE

STAGING: web.AppKey[Staging] = web.AppKey("staging", Staging)

ID_BYTES_MAX = 64
LIST_BYTES_MAX = 8 << 20

_LISTS = ("committed", "uncommitted", "all")
# Possessive, all of them: blanks that could belong to either of two parts would be tried in every division.
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?+\s*+(?:<\?xml[^<>?]*+\?>)?+\s*+<BlockList\s*+(/)?+>\s*+")
_ENTRY = re.compile(rb"<(Latest|Committed|Uncommitted)>\s*+([A-Za-z0-9+/=]{0,88}+)\s*+</\1>\s*+")
_CLOSING = re.compile(rb"(?:</BlockList\s*+>)?+\s*+")


async def put_block(request: web.Request, place: Place) -> web.Response:
    """Keep a block until the list that names it comes."""
    check_supported(request.headers)
    # A form decodes to a blank what a client forgot to encode.
    block = block_id(request.query.get("blockid", "").replace(" ", "+"))
    service = request.app[SERVICE]
    await check_writable(request, place)
    if await request[WORKSPACE].blobs.stat(place.key) is not None:
        raise BlobExists(place.key)
    content = body_of(request, service.settings.limits.input_max_bytes)
    await request.app[STAGING].put(place.key, block, content)
    return web.Response(status=201, headers={**echoed(request), "x-ms-request-server-encrypted": "false"})


async def put_block_list(request: web.Request, place: Place) -> web.Response:
    """Create a blob of blocks, in the order of the list."""
    check_supported(request.headers)
    properties = stated(request.headers, body_is_content=False)
    blocks = listed(await short_body(request, LIST_BYTES_MAX))
    service, staging = request.app[SERVICE], request.app[STAGING]
    await check_writable(request, place)
    async with staging.turn(place.key):
        if await request[WORKSPACE].blobs.stat(place.key) is not None:
            await staging.discard(place.key)
            raise BlobExists(place.key)
        _check_there(blocks, await staging.sizes(place.key), service.settings.limits.input_max_bytes)
        async with aclosing(staging.content(place.key, blocks)) as content:
            blob = await request[WORKSPACE].blobs.put(place.key, content, **msgspec.structs.asdict(properties))
        await staging.discard(place.key)
    return written(request, blob)


async def get_block_list(request: web.Request, place: Place) -> web.Response:
    """Tell which blocks wait. Of a blob that is there none are kept apart: it is one content."""
    kind = request.query.get("blocklisttype", "committed").lower()
    if kind not in _LISTS:
        raise Fault(400, "InvalidQueryParameterValue", f"blocklisttype is {', '.join(_LISTS)}")
    blob = await request[WORKSPACE].blobs.stat(place.key)
    waiting = await request.app[STAGING].sizes(place.key)
    if blob is None and not waiting:
        raise BlobMissing(place.key)
    headers = {**echoed(request), "Content-Type": "application/xml"}
    if blob is not None:
        headers |= {"ETag": etag_of(blob), "Last-Modified": http_date(blob.created)}
        headers["x-ms-blob-content-length"] = str(blob.size)
    body = '<?xml version="1.0" encoding="utf-8"?><BlockList>'
    body += "<CommittedBlocks/>" if kind != "uncommitted" else ""
    if kind != "committed":
        rows = (f"<Block><Name>{_name(block)}</Name><Size>{size}</Size></Block>" for block, size in waiting.items())
        body += f"<UncommittedBlocks>{''.join(rows)}</UncommittedBlocks>"
    return web.Response(headers=headers, body=f"{body}</BlockList>".encode())


def block_id(text: str) -> bytes:
    """Return a block's id. Raises `Fault`."""
    try:
        block = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        block = b""
    if not 1 <= len(block) <= ID_BYTES_MAX or _name(block) != text:
        raise Fault(400, "InvalidBlockId", f"a block's id is 1 to {ID_BYTES_MAX} bytes in base64")
    return block


def listed(document: bytes) -> list[bytes]:
    """Return the ids in a block list, `<BlockList><Latest>..</Latest>..</BlockList>`. Raises `Fault`.

    Read as what it is: XML beyond that, such as entities, has no meaning here and is refused.
    """
    opening = _OPENING.match(document)
    if not opening:
        raise _no_list()
    at = opening.end()
    blocks: list[bytes] = []
    while not opening[1] and (entry := _ENTRY.match(document, at)):
        if entry[1] == b"Committed":
            raise Fault(400, "InvalidBlockList", "a blob that is there can not be made anew of its blocks")
        if len(blocks) == BLOCKS_MAX:
            raise Fault(400, "BlockListTooLong", f"a blob has at most {BLOCKS_MAX} blocks")
        blocks.append(block_id(entry[2].decode()))
        at = entry.end()
    closing = _CLOSING.fullmatch(document, at)
    if not closing or (not opening[1]) != document[at:].startswith(b"</"):
        raise _no_list()
    return blocks


def _check_there(blocks: Sequence[bytes], sizes: dict[bytes, int], bytes_max: int) -> None:
    missing = next((block for block in blocks if block not in sizes), None)
    if missing is not None:
        raise Fault(400, "InvalidBlockList", f"the block {_name(missing)} is not here: upload it again")
    if sum(sizes[block] for block in blocks) > bytes_max:
        raise Fault(413, "RequestBodyTooLarge", f"a blob has at most {bytes_max:,} bytes")


def _no_list() -> Fault:
    return Fault(400, "InvalidXmlDocument", "the body is no <BlockList>")


def _name(block: bytes) -> str:
    return b64encode(block).decode()
