"""What lies on the disk is not what was written: flipped, cut, gone, or led astray."""

import os
import sqlite3

import pytest

from kyanite.errors import BlobCorrupt, BlobMissing, StoreCorrupt, StoreUnavailable
from kyanite.testing.blobs import chunks, content_of
from tests.blobs.stores import LARGE, SMALL, files_below, opened

KEY = "default/job-1/inputData"


def change_row(root, assignment):
    connection = sqlite3.connect(root / "small.sqlite")
    assert connection.execute(f"UPDATE blob SET {assignment}").rowcount == 1
    connection.commit()
    connection.close()


async def stored(root, content):
    async with opened(root) as blobs:
        await blobs.put(KEY, content)
        return blobs.local_path(KEY)


@pytest.mark.parametrize(
    "assignment",
    [
        "content = X'00' || substr(content, 2)",
        "content = X''",
        "sha256 = 'abc'",
        "size = size + 1",
        "metadata = '{'",
        "metadata = '[]'",
        "content_type = CAST(X'FF' AS TEXT)",
        "created = 'yesterday'",
        "created = 9223372036854775807",
    ],
)
async def test_a_flipped_row_is_noticed(tmp_path, assignment):
    await stored(tmp_path, SMALL)
    change_row(tmp_path, assignment)
    async with opened(tmp_path) as blobs:
        await blobs.put("default/job-2/inputData", b"a neighbour")
        for _ in range(2):
            with pytest.raises(BlobCorrupt):
                await blobs.get(KEY)
            with pytest.raises(BlobCorrupt):
                await content_of(blobs.read(KEY))
        assert await blobs.get("default/job-2/inputData") == b"a neighbour"


@pytest.mark.parametrize("position", [0, 50_000, 99_999])
async def test_a_flipped_byte_in_a_file_is_noticed(tmp_path, position):
    path = await stored(tmp_path, LARGE)
    damaged = bytearray(LARGE)
    damaged[position] ^= 1
    path.write_bytes(damaged)
    async with opened(tmp_path) as blobs:
        with pytest.raises(BlobCorrupt, match="hash"):
            await blobs.get(KEY)
        with pytest.raises(BlobCorrupt, match="hash"):
            await content_of(blobs.read(KEY))
        assert await content_of(blobs.read(KEY, 10, 20)) == bytes(damaged[10:20])


@pytest.mark.parametrize("content", [LARGE[:-1], LARGE + b"x", b""])
async def test_a_file_of_another_size_is_noticed(tmp_path, content):
    (await stored(tmp_path, LARGE)).write_bytes(content)
    async with opened(tmp_path) as blobs:
        for reading in (blobs.get(KEY), content_of(blobs.read(KEY)), content_of(blobs.read(KEY, 1, 2))):
            with pytest.raises(BlobCorrupt, match="size"):
                await reading


async def test_a_lost_file_is_noticed(tmp_path):
    (await stored(tmp_path, LARGE)).unlink()
    async with opened(tmp_path) as blobs:
        assert blobs.local_path(KEY) is None
        for reading in (blobs.get(KEY), content_of(blobs.read(KEY))):
            with pytest.raises(BlobCorrupt, match="gone"):
                await reading
        await blobs.delete([KEY])
        with pytest.raises(BlobMissing):
            await blobs.get(KEY)


async def test_a_symbolic_link_is_never_followed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "inputData").write_bytes(LARGE)
    path = await stored(root, LARGE)
    path.unlink()
    path.symlink_to(outside / "inputData")
    async with opened(root) as blobs:
        assert blobs.local_path(KEY) is None
        with pytest.raises(StoreCorrupt):
            await blobs.get(KEY)
        path.unlink()
        path.parent.rmdir()
        path.parent.symlink_to(outside)
        assert blobs.local_path(KEY) is None
        for reading in (blobs.get(KEY), content_of(blobs.read(KEY))):
            with pytest.raises(StoreCorrupt):
                await reading
        with pytest.raises(StoreCorrupt):
            await blobs.put("default/job-1/outputData", chunks([LARGE]))
        await blobs.delete([KEY])
    assert (outside / "inputData").read_bytes() == LARGE
    assert files_below(outside) == ["inputData"]


async def test_a_pipe_in_an_objects_place_does_not_hang(tmp_path):
    path = await stored(tmp_path, LARGE)
    path.unlink()
    os.mkfifo(path)
    async with opened(tmp_path) as blobs:
        with pytest.raises(BlobCorrupt):
            await blobs.get(KEY)


@pytest.mark.parametrize("content", [b"not a database" * 100, None])
async def test_what_is_no_store_is_not_opened(tmp_path, content):
    if content is not None:
        (tmp_path / "small.sqlite").write_bytes(content)
    else:
        (tmp_path / "small.sqlite").mkdir()
    with pytest.raises((StoreCorrupt, StoreUnavailable)):
        async with opened(tmp_path):
            pytest.fail("opened")
    # Nothing is held on to: with the obstacle away it opens.
    (tmp_path / "small.sqlite").rmdir() if content is None else (tmp_path / "small.sqlite").unlink()
    async with opened(tmp_path) as blobs:
        assert await blobs.page() == []


async def test_a_store_of_a_later_release_is_left_alone(tmp_path):
    await stored(tmp_path, SMALL)
    connection = sqlite3.connect(tmp_path / "small.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(StoreUnavailable, match="schema 99, this release reads 1"):
            async with opened(tmp_path, read_only=read_only):
                pytest.fail("opened")
