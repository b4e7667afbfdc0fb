import anyio
import pytest

from kyanite.blobs.memory import MemoryBlobs
from kyanite.blobs.transfer import Transfer
from kyanite.errors import BlobCorrupt, BlobMissing, StoreUnavailable
from kyanite.testing.blobs import chunks
from tests.blobs.stores import LARGE, SMALL, files_below, opened

KEY = "default/job-1/inputData"


async def test_what_is_fetched_is_what_was_put(tmp_path):
    (tmp_path / "out").mkdir()
    async with opened(tmp_path / "blobs") as blobs:
        transfer = Transfer(blobs)
        for name, content in (("small", SMALL), ("large", LARGE), ("empty", b"")):
            blob = await transfer.put(f"default/job-1/{name}", content, content_type="text/plain", metadata={"a": "b"})
            target = tmp_path / "out" / name
            target.write_text("something older")
            assert await transfer.fetch_to(blob.key, target) == blob
            assert target.read_bytes() == content
    assert files_below(tmp_path / "out") == ["empty", "large", "small"]


async def test_what_is_damaged_or_missing_is_not_fetched(tmp_path):
    (tmp_path / "out").mkdir()
    async with opened(tmp_path / "blobs") as blobs:
        transfer = Transfer(blobs)
        await transfer.put(KEY, LARGE)
        blobs.local_path(KEY).write_bytes(LARGE[:-1] + b"!")
        with pytest.raises(BlobCorrupt):
            await transfer.fetch_to(KEY, tmp_path / "out" / "file")
        with pytest.raises(BlobMissing):
            await transfer.fetch_to("default/job-1/never", tmp_path / "out" / "file")
        await transfer.put("default/job-1/small", SMALL)
        with pytest.raises(StoreUnavailable, match="nowhere"):
            await transfer.fetch_to("default/job-1/small", tmp_path / "nowhere" / "file")
    assert files_below(tmp_path / "out") == []


async def test_large_ones_wait_for_their_turn_and_small_ones_do_not():
    blobs = MemoryBlobs()
    await blobs.open()
    transfer = Transfer(blobs, concurrent_max=2)
    begun = []
    go = anyio.Event()

    async def slow(number):
        begun.append(number)
        await go.wait()
        yield b"x"

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(transfer.put, f"default/large/{number}", slow(number))
        while len(begun) < 2:
            await anyio.lowlevel.checkpoint()
        await transfer.put(KEY, SMALL)
        assert len(begun) == 2
        go.set()
    assert sorted(begun) == [0, 1, 2, 3, 4]
    assert len(await blobs.page()) == 6


async def test_a_turn_that_is_called_off_is_given_back():
    blobs = MemoryBlobs()
    await blobs.open()
    transfer = Transfer(blobs, concurrent_max=1)
    never = anyio.Event()

    async def stuck():
        await never.wait()
        yield b""

    for _ in range(2):
        with anyio.move_on_after(0.01) as scope:
            await transfer.put(KEY, stuck())
        assert scope.cancelled_caught
    await transfer.put(KEY, chunks([LARGE]))
    assert await blobs.get(KEY) == LARGE
