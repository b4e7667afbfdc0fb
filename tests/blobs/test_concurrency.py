"""Many at once, called off, and closed meanwhile."""

import asyncio
import threading
from contextlib import suppress

import anyio
import pytest

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.rows import connect_sqlite3
from kyanite.errors import BlobExists, BlobMissing, ConfigError, KyaniteError, StoreUnavailable, WorkspaceClosed
from kyanite.testing.blobs import content_of
from tests.blobs.stores import LARGE, SMALL, files_below, opened

KEY = "default/job-1/inputData"


class Gated:
    """A connection whose inserts wait at a gate, and that counts what is executed."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.statements = []
        self.failures = []

    def __call__(self, uri):
        return _GatedConnection(self, connect_sqlite3(uri))


class _GatedConnection:
    def __init__(self, gated, connection):
        self.gated = gated
        self.connection = connection
        self.close = connection.close

    @property
    def in_transaction(self):
        return self.connection.in_transaction

    def execute(self, sql, parameters=()):
        self.gated.statements.append(sql)
        if sql.startswith("INSERT"):
            self.gated.arrived.set()
            assert self.gated.gate.wait(10)
            if self.gated.failures:
                raise self.gated.failures.pop()
        return self.connection.execute(sql, parameters)


async def arrived(gated):
    assert await anyio.to_thread.run_sync(gated.arrived.wait, 10)


async def settle():
    """Let every task run until it waits for a thread."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_all_that_waits_is_one_statement(tmp_path):
    gated = Gated()
    async with opened(tmp_path, connect=gated) as blobs, anyio.create_task_group() as group:
        gated.gate.clear()
        group.start_soon(blobs.put, "default/first/x", SMALL)
        await arrived(gated)
        for number in range(300):
            group.start_soon(blobs.put, f"default/many/{number}", SMALL)
        await settle()
        gated.statements.clear()
        gated.gate.set()
        while len(await blobs.page(limit=1000)) < 301:
            await anyio.lowlevel.checkpoint()
        changes = [sql for sql in gated.statements if not sql.lstrip().startswith("SELECT")]
        assert len(changes) == 1


async def test_a_taken_key_costs_its_neighbours_one_more_transaction(tmp_path):
    gated = Gated()
    refused = []

    async def attempt(blobs, key):
        try:
            await blobs.put(key, key.encode())
        except BlobExists:
            refused.append(key)

    async with opened(tmp_path, connect=gated) as blobs:
        await blobs.put("default/many/3", b"first")
        async with anyio.create_task_group() as group:
            gated.arrived.clear()
            gated.gate.clear()
            group.start_soon(blobs.put, "default/first/x", SMALL)
            await arrived(gated)
            for key in [*range(10), 5]:
                group.start_soon(attempt, blobs, f"default/many/{key}")
            await settle()
            gated.gate.set()
        assert sorted(refused) == ["default/many/3", "default/many/5"]
        assert await blobs.get("default/many/3") == b"first"
        assert await blobs.get("default/many/5") == b"default/many/5"


@pytest.mark.parametrize("native", [True, False])
async def test_a_cancelled_put_harms_nobody(tmp_path, native):
    gated = Gated()
    async with opened(tmp_path, connect=gated) as blobs:
        gated.gate.clear()
        async with asyncio.TaskGroup() as group:
            neighbours = [group.create_task(blobs.put(f"default/kept/{number}", SMALL)) for number in range(5)]
            if native:
                tasks = [group.create_task(blobs.put(f"default/called-off/{number}", SMALL)) for number in range(5)]
                tasks.append(group.create_task(blobs.put("default/called-off/large", LARGE)))
                await arrived(gated)
                for task in tasks:
                    task.cancel()
            else:
                with anyio.move_on_after(0.05) as scope:
                    await blobs.put("default/called-off/0", SMALL)
                assert scope.cancelled_caught
            gated.gate.set()
        assert [task.result().key for task in neighbours] == [f"default/kept/{number}" for number in range(5)]
        for blob in await blobs.page("default/called-off/"):
            assert len(await blobs.get(blob.key)) == blob.size
    assert files_below(tmp_path / "tmp") == []


async def test_a_put_cancelled_during_its_commit_cleans_up_after_the_answer(tmp_path):
    gated = Gated()
    async with opened(tmp_path, connect=gated) as blobs:
        gated.gate.clear()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(blobs.put(KEY, LARGE))
            await arrived(gated)
            task.cancel()
            await settle()
            assert not task.done()
            assert blobs.local_path(KEY) is None
            gated.gate.set()
        assert task.cancelled()
        assert files_below(tmp_path / "tmp") == []
        assert await blobs.get(KEY) == LARGE


async def test_a_stream_cancelled_amid_leaves_nothing(tmp_path):
    async with opened(tmp_path) as blobs:
        spilled = asyncio.Event()

        async def endless():
            for _ in range(40):
                yield LARGE
            spilled.set()
            await asyncio.Event().wait()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(blobs.put(KEY, endless()))
            await spilled.wait()
            assert len(files_below(tmp_path / "tmp")) == 1
            task.cancel()
        assert files_below(tmp_path / "tmp") == []
        assert await blobs.stat(KEY) is None
        await blobs.put(KEY, LARGE)


async def test_closing_lets_what_is_under_way_finish(tmp_path):
    blobs = FileBlobs(tmp_path)
    await blobs.open()
    waiting, go = asyncio.Event(), asyncio.Event()

    async def slow():
        yield LARGE
        waiting.set()
        await go.wait()
        yield LARGE

    async with asyncio.TaskGroup() as group:
        stream = group.create_task(blobs.put("default/slow/large", slow()))
        await waiting.wait()
        small = [group.create_task(blobs.put(f"default/small/{number}", SMALL)) for number in range(100)]
        await asyncio.sleep(0)
        closing = group.create_task(blobs.aclose())
        await settle()
        assert not closing.done()
        with pytest.raises(WorkspaceClosed):
            await blobs.put("default/late/x", SMALL)
        go.set()
    assert all(task.result().size == len(SMALL) for task in small)
    assert stream.result().size == 2 * len(LARGE)
    async with opened(tmp_path) as again:
        assert len(await again.page()) == 101


async def test_a_close_that_is_called_off_still_lets_go(tmp_path):
    blobs = FileBlobs(tmp_path)
    await blobs.open()
    waiting, go = asyncio.Event(), asyncio.Event()

    async def slow():
        yield LARGE
        waiting.set()
        await go.wait()
        yield LARGE

    async def attempt():
        with pytest.raises(WorkspaceClosed):
            await blobs.put(KEY, slow())

    async with asyncio.TaskGroup() as group:
        group.create_task(attempt())
        await waiting.wait()
        closing = group.create_task(blobs.aclose())
        await settle()
        closing.cancel()
        await asyncio.wait([closing])
        go.set()
    async with opened(tmp_path) as again:
        assert await again.page() == []
        assert files_below(tmp_path / "tmp") == []


async def test_a_failed_commit_fails_its_batch_and_no_other(tmp_path):
    gated = Gated()
    async with opened(tmp_path, connect=gated) as blobs:
        gated.failures.append(OSError("the cable is out"))
        with pytest.raises(StoreUnavailable, match="cable"):
            await blobs.put(KEY, SMALL)
        await blobs.put(KEY, SMALL)
        gated.failures.append(OSError("the cable is out"))
        with pytest.raises(StoreUnavailable, match="cable"):
            await blobs.put("default/job-2/large", LARGE)
        # Its row might have been stored: the file stays, noted, until somebody looks.
        assert [name for name in files_below(tmp_path / "tmp") if name.endswith(".keys")]
        await blobs.put("default/job-2/large", LARGE[::-1])
        assert await blobs.get("default/job-2/large") == LARGE[::-1]
    async with opened(tmp_path) as blobs:
        assert await blobs.get("default/job-2/large") == LARGE[::-1]
        assert files_below(tmp_path / "tmp") == []


async def test_deletes_and_puts_of_one_key_take_turns(tmp_path):
    """Whoever asks, at whatever moment: an object is whole, or is not there."""
    contents = [bytes([number]) * (10 if number % 2 else 100_000) for number in range(4)]
    async with opened(tmp_path) as blobs:

        async def puts(content):
            for _ in range(15):
                try:
                    await blobs.put(KEY, content)
                except BlobExists:
                    await blobs.delete([KEY])

        async def reads():
            for _ in range(60):
                with suppress(BlobMissing):
                    assert await blobs.get(KEY) in contents
                    assert await content_of(blobs.read(KEY)) in contents
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            for content in contents:
                group.start_soon(puts, content)
            group.start_soon(reads)
        await blobs.delete([KEY])
        assert files_below(tmp_path / "tmp") == []
        assert not (tmp_path / "objects").exists()


async def test_recent_objects_are_read_without_the_disk_and_never_after_their_delete(tmp_path):
    gated = Gated()
    async with opened(tmp_path, connect=gated, recent_bytes_max=2_000) as blobs:
        await blobs.put(KEY, SMALL)
        gated.statements.clear()
        assert await blobs.get(KEY) == SMALL
        assert await content_of(blobs.read(KEY)) == SMALL
        assert (await blobs.stat(KEY)).size == len(SMALL)
        assert gated.statements == []
        for number in range(3):
            await blobs.put(f"default/more/{number}", SMALL)
        gated.statements.clear()
        assert await blobs.get(KEY) == SMALL
        assert len(gated.statements) == 1
        await blobs.delete([KEY])
        assert await blobs.stat(KEY) is None


async def test_many_lookups_share_statements(tmp_path):
    gated = Gated()
    async with opened(tmp_path, connect=gated, recent_bytes_max=0) as blobs:
        async with anyio.create_task_group() as group:
            for number in range(400):
                group.start_soon(blobs.put, f"default/many/{number}", str(number).encode())
        gated.statements.clear()
        found = {}

        async def look(number):
            found[number] = await blobs.get(f"default/many/{number}")

        async with anyio.create_task_group() as group:
            for number in range(400):
                group.start_soon(look, number)
        assert found == {number: str(number).encode() for number in range(400)}
        assert len(gated.statements) < 100


async def test_a_cancelled_opening_lets_go(tmp_path):
    blobs = FileBlobs(tmp_path)
    task = asyncio.get_running_loop().create_task(blobs.open())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    async with opened(tmp_path) as again:
        assert await again.page() == []


def test_a_loop_that_ends_without_closing_leaves_a_store_that_opens(tmp_path):
    async def leave():
        blobs = FileBlobs(tmp_path / "left")
        await blobs.open()
        await blobs.put(KEY, SMALL)
        return blobs

    left = asyncio.run(leave())
    with pytest.raises(KyaniteError, match="belongs to process"):
        asyncio.run(FileBlobs(tmp_path / "left").open())
    assert repr(left) == f"FileBlobs({str(tmp_path / 'left')!r})"


@pytest.mark.parametrize("options", [{"synchronous": "off; DROP"}, {"inline_max": -1}, {"inline_max": 2**30}])
def test_bad_settings_are_refused(tmp_path, options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        FileBlobs(tmp_path, **options)
