"""Bytes out of a daemon, over connections that break."""

import asyncio
import hashlib
import re
from base64 import b64encode

import pytest
from aiohttp import web

from kyanite.blobs.transfer import copy_to
from kyanite.client.blobs import chunks, where, whole
from kyanite.errors import BlobCorrupt, BlobMissing, InfrastructureError
from tests.client.fake import faked, refused

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY, PATH = "default/job-1/output Data", "/v1/blobs/job-1/output%20Data"


def sent(content=CONTENT, *, digest=None, upto=None, ranges=True):
    """An answer that is this content, cut off before its end if need be."""

    async def answer(request):
        start = int(re.findall(r"\d+", request.headers.get("Range", "0"))[0]) if ranges else 0
        told = hashlib.sha256(content).digest() if digest is None else digest
        headers = {"Content-Type": "image/png", "Repr-Digest": f"sha-256=:{b64encode(told).decode()}:"}
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        response.content_length = len(content) - start
        await response.prepare(request)
        for at in range(start, len(content) if upto is None else upto, 1_000):
            await response.write(content[at : min(at + 1_000, upto or len(content))])
            await asyncio.sleep(0)
        if upto is not None:
            await asyncio.sleep(0.01)
            request.transport.abort()
        return response

    return answer


def test_a_key_is_a_path_of_this_workspace():
    assert where(KEY, "default") == PATH
    assert where("default/c/a/b", "default") == "/v1/blobs/c/a/b"
    assert where("default/c/..", "default") == "/v1/blobs/c/%2E%2E"
    for key in ("other/c/a", "", "default/c//a", "default/c/\ud800"):
        with pytest.raises(BlobMissing):
            where(key, "default")


async def test_a_blob_comes_whole_whatever_breaks():
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, sent(upto=3_000), sent())
        assert await whole(opened, "default", KEY, DIGEST) == (CONTENT, "image/png")
        assert await whole(opened, "default", KEY, None) == (CONTENT, "image/png")


async def test_a_file_goes_on_where_it_broke_off(tmp_path):
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, sent(upto=2_500), sent(upto=7_500), sent())
        await copy_to(chunks(opened, "default", KEY, DIGEST), tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == CONTENT
        starts = [request.headers.get("Range") for request in daemon.seen]
        assert starts[0] is None
        assert len(starts) == 3
        assert starts == sorted(starts, key=lambda text: int(text[6:-1]) if text else 0)


async def test_nothing_is_asked_for_beyond_the_end(tmp_path):
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, sent(b""))
        await copy_to(chunks(opened, "default", KEY, None), tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b""
        assert len(daemon.seen) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (sent(), "0" * 64),
        (sent(b"other"), DIGEST),
        (sent(b"other", digest=bytes.fromhex(DIGEST)), DIGEST),
        (sent(b"other", digest=bytes.fromhex(DIGEST)), None),
    ],
)
async def test_what_is_not_what_it_should_be_is_corrupt_and_no_file(answer, expected, tmp_path):
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, answer)
        with pytest.raises(BlobCorrupt, match="output Data"):
            await whole(opened, "default", KEY, expected)
        with pytest.raises(BlobCorrupt, match="output Data"):
            await copy_to(chunks(opened, "default", KEY, expected), tmp_path / "file")
        assert list(tmp_path.iterdir()) == []


async def test_a_missing_one_is_told_at_once(tmp_path):
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, refused(404, "BlobMissing", f"No such blob: {KEY}"))
        with pytest.raises(BlobMissing, match=KEY):
            await whole(opened, "default", KEY, None)
        with pytest.raises(BlobMissing, match=KEY):
            await copy_to(chunks(opened, "default", KEY, None), tmp_path / "file")


async def test_a_daemon_that_begins_again_is_not_believed(tmp_path):
    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, sent(upto=2_500), sent(ranges=False))
        with pytest.raises(InfrastructureError, match="from its start"):
            await copy_to(chunks(opened, "default", KEY, DIGEST), tmp_path / "file")
        assert list(tmp_path.iterdir()) == []


async def test_a_digest_of_another_kind_says_nothing():
    async def answer(request):
        return web.Response(body=CONTENT, headers={"Repr-Digest": "sha-512=:AAAA:"})

    async with faked() as (daemon, opened):
        daemon.on("GET", PATH, answer)
        assert (await whole(opened, "default", KEY, DIGEST))[0] == CONTENT
        daemon.on("GET", PATH, lambda request: _malformed())
        assert (await whole(opened, "default", KEY, None))[0] == CONTENT


async def _malformed():
    return web.Response(body=CONTENT, headers={"Repr-Digest": "sha-256=:no base64:"})
