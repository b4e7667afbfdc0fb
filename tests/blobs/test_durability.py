"""What a crash leaves, who may write, and what happens when the disk is full."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress

import anyio
import pytest

from kyanite.blobs.rows import connect_sqlite3
from kyanite.errors import BlobExists, BlobMissing, StorageFull, StoreOwned, StoreUnavailable
from kyanite.testing.blobs import chunks, content_of, some_bytes
from tests.blobs.stores import LARGE, SMALL, files_below, opened

KEY = "default/job-1/inputData"

# Puts small and large objects for ever, several at once, and says which were acknowledged.
PUTS = textwrap.dedent("""
    import asyncio, hashlib, os, sys
    from kyanite.blobs.files import FileBlobs

    async def stream(content):
        for start in range(0, len(content), 30_000):
            await asyncio.sleep(0)
            yield content[start : start + 30_000]

    async def puts(blobs, lane):
        number = 0
        while True:
            key = f"default/job-{lane}-{number}/data"
            content = hashlib.sha256(key.encode()).digest() * (3 if lane % 2 else 3_000)
            blob = await blobs.put(key, stream(content) if lane % 4 == 0 else content)
            if number % 3 == 2:
                await blobs.delete([f"default/job-{lane}-{number - 1}/data"])
            os.write(1, f"{key}\\n".encode())
            number += 1

    async def main():
        blobs = FileBlobs(sys.argv[1])
        await blobs.open()
        async with asyncio.TaskGroup() as group:
            for lane in range(8):
                group.create_task(puts(blobs, lane))

    asyncio.run(main())
""")


def content_at(key):
    lane = int(key.split("-")[1])
    return hashlib.sha256(key.encode()).digest() * (3 if lane % 2 else 3_000)


def acknowledged_until_killed(root, acknowledged_min):
    with subprocess.Popen([sys.executable, "-c", PUTS, str(root)], stdout=subprocess.PIPE) as child:
        acknowledged = [child.stdout.readline().decode().strip() for _ in range(acknowledged_min)]
        child.send_signal(signal.SIGKILL)
        return acknowledged + [line.decode().strip() for line in child.stdout]


@pytest.mark.parametrize("acknowledged_min", [1, 40, 150, 400])
async def test_a_kill_loses_nothing_acknowledged_and_shows_nothing_half(tmp_path, acknowledged_min):
    acknowledged = acknowledged_until_killed(tmp_path, acknowledged_min)
    numbers = {}
    for key in acknowledged:
        lane, number = (int(part) for part in key.split("/")[1].split("-")[1:])
        numbers[lane] = max(number, numbers.get(lane, -1))
    async with opened(tmp_path) as blobs:
        there = {blob.key for blob in await blobs.page(limit=10_000)}
        for key in there:
            assert await blobs.get(key) == content_at(key)
        for lane, last in numbers.items():
            for number in range(last + 1):
                # A delete follows the put that comes two later: near the end it may be under way.
                gone = number % 3 == 1
                key = f"default/job-{lane}-{number}/data"
                if not gone:
                    assert key in there
                elif number < last:
                    assert key not in there
        assert files_below(tmp_path / "tmp") == []
        large = {key for key in there if blobs.local_path(key)}
        in_place = {"/".join(path.split("/")[1:]) for path in files_below(tmp_path / "objects")}
        assert in_place == large


async def test_leftovers_are_cleared_on_opening(tmp_path):
    async with opened(tmp_path) as blobs:
        await blobs.put(KEY, LARGE)
        path = blobs.local_path(KEY)
    orphan = tmp_path / "objects" / "3" / "default" / "job-2" / "inputData"
    orphan.parent.mkdir()
    orphan.write_bytes(b"placed, but its row was never committed")
    (tmp_path / "tmp" / "7").write_bytes(b"half")
    (tmp_path / "tmp" / "7.keys").write_text("default/job-2/inputData")
    (tmp_path / "tmp" / "8.keys").write_text(f"{KEY}\ndefault/job-3/inputData")
    (tmp_path / "tmp" / "9.keys").write_text("")
    async with opened(tmp_path) as blobs:
        assert files_below(tmp_path / "tmp") == []
        assert not orphan.parent.exists()
        assert path.read_bytes() == await blobs.get(KEY) == LARGE


async def test_a_note_that_names_a_path_outside_does_no_harm(tmp_path):
    async with opened(tmp_path / "root"):
        pass
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "root" / "tmp" / "1.keys").write_text("../../victim\n../../../victim\n/etc/passwd")
    async with opened(tmp_path / "root"):
        assert files_below(tmp_path / "root" / "tmp") == []
    assert victim.read_text() == "precious"


async def test_a_file_without_a_row_is_no_object_and_in_nobodys_way(tmp_path):
    orphan = tmp_path / "objects" / "3" / "default" / "job-1" / "inputData"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"old")
    async with opened(tmp_path) as blobs:
        assert await blobs.stat(KEY) is None
        with pytest.raises(BlobMissing):
            await blobs.get(KEY)
        await blobs.put(KEY, LARGE)
        assert await blobs.get(KEY) == LARGE
        with pytest.raises(BlobExists):
            await blobs.put(KEY, chunks([LARGE]))


async def test_nothing_stays_of_what_was_deleted(tmp_path):
    async with opened(tmp_path) as blobs:
        keys = [f"default/job-{number}/inputData" for number in range(5)]
        for key in keys:
            await blobs.put(key, LARGE)
        reading = blobs.read(keys[0])
        first = await anext(reading)
        await blobs.delete(keys)
        assert files_below(tmp_path / "tmp") == []
        assert not (tmp_path / "objects").exists()
        assert first + await content_of(reading) == LARGE


async def test_two_owners_are_refused_and_a_reader_is_not(tmp_path):
    async with opened(tmp_path) as owner:
        with pytest.raises(StoreOwned) as refused:
            async with opened(tmp_path):
                pytest.fail("opened")
        assert refused.value.pid == os.getpid()
        async with opened(tmp_path, read_only=True) as reader:
            for content in (SMALL, LARGE):
                await owner.put(KEY, content)
                assert await reader.get(KEY) == content
                await owner.delete([KEY])
                assert await reader.stat(KEY) is None
    async with opened(tmp_path) as next_owner:
        assert await next_owner.page() == []


async def test_another_process_reads_what_this_one_writes_and_writes_nothing(tmp_path):
    script = (
        "import asyncio, sys\n"
        "from kyanite.blobs.files import FileBlobs\n"
        "async def main():\n"
        "    blobs = FileBlobs(sys.argv[1])\n"
        "    await blobs.open(read_only=True)\n"
        "    for blob in await blobs.page():\n"
        "        print(blob.key, len(await blobs.get(blob.key)), blobs.local_path(blob.key) is not None)\n"
        "    await blobs.aclose()\n"
        "asyncio.run(main())\n"
    )
    root = tmp_path / "root"
    async with opened(root) as blobs:
        await blobs.put("default/job-1/large", LARGE)
        await blobs.put("default/job-1/small", SMALL)
        before = {name: (root / name).stat().st_mtime_ns for name in files_below(root) if not name.endswith("-shm")}
        result = await anyio.run_process([sys.executable, "-c", script, str(root)])
        after = {name: (root / name).stat().st_mtime_ns for name in files_below(root) if not name.endswith("-shm")}
    assert result.stdout.decode().splitlines() == [
        f"default/job-1/large {len(LARGE)} True",
        f"default/job-1/small {len(SMALL)} False",
    ]
    assert after == before


async def test_reading_what_does_not_exist_makes_nothing(tmp_path):
    for root in (tmp_path / "missing", tmp_path):
        with pytest.raises(StoreUnavailable):
            async with opened(root, read_only=True):
                pytest.fail("opened")
    assert list(tmp_path.iterdir()) == []


class FullConnection:
    """A connection whose disk is full for as long as `full` says so."""

    full = False

    def __init__(self, uri):
        self.connection = connect_sqlite3(uri)
        self.execute = self._execute
        self.close = self.connection.close

    @property
    def in_transaction(self):
        return self.connection.in_transaction

    def _execute(self, sql, parameters=()):
        if FullConnection.full and sql.startswith("INSERT"):
            self.connection.execute("PRAGMA max_page_count = 1")
        elif sql.startswith("INSERT"):
            self.connection.execute("PRAGMA max_page_count = 1000000")
        return self.connection.execute(sql, parameters)


@pytest.fixture
def full_disk():
    """A switch that makes every insert that needs a new page fail with SQLITE_FULL."""

    def switch(full):
        FullConnection.full = full

    yield switch
    FullConnection.full = False


async def test_a_full_database_stores_nothing_and_works_again(tmp_path, full_disk):
    async with opened(tmp_path, connect=FullConnection) as blobs:
        await blobs.put(KEY, SMALL)
        full_disk(True)
        for _ in range(3):
            with pytest.raises(StorageFull):
                await blobs.put("default/job-2/small", some_bytes(60_000))
            assert await blobs.stat("default/job-2/small") is None
        assert await blobs.get(KEY) == SMALL
        full_disk(False)
        await blobs.put("default/job-2/small", some_bytes(60_000))
        await blobs.put("default/job-2/large", LARGE)
        assert len(await blobs.page()) == 3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "kyanite", mount], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"can not mount a file system: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", mount], check=True)


def fill(path):
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            continue


async def put_until_full(blobs):
    stored = []
    try:
        for number in range(100):
            blob = await blobs.put(f"default/job-3/{number}", some_bytes(50_000))
            stored.append(blob.key)
    except StorageFull:
        return stored
    pytest.fail("the disk is not full")


async def test_a_full_disk_stores_nothing_and_works_again(small_disk):
    ballast = small_disk / "ballast"
    async with opened(small_disk / "blobs") as blobs:
        await blobs.put(KEY, SMALL)
        for content in (some_bytes(4_000_000), chunks([some_bytes(1_000_000)] * 4)):
            with pytest.raises(StorageFull):
                await blobs.put("default/job-2/large", content)
            assert files_below(small_disk / "blobs" / "tmp") == []
            assert files_below(small_disk / "blobs") == ["lock", "small.sqlite", "small.sqlite-shm", "small.sqlite-wal"]
        fill(ballast)
        kept = [KEY, *await put_until_full(blobs)]
        with pytest.raises(StorageFull):
            await blobs.put("default/job-2/large", LARGE)
        assert [blob.key for blob in await blobs.page()] == kept
        ballast.unlink()
        await blobs.put("default/job-2/large", LARGE)
        await blobs.put("default/job-4/small", SMALL)
        assert await blobs.get("default/job-2/large") == LARGE
    async with opened(small_disk / "blobs") as blobs:
        assert [blob.key for blob in await blobs.page()] == [
            KEY,
            "default/job-2/large",
            "default/job-4/small",
            *kept[1:],
        ]
