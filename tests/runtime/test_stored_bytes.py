"""The sum of a workspace's blobs: beside a recount in any order of events, its bound, and how doubts are healed."""

import random
from contextlib import asynccontextmanager, suppress
from functools import partial

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import BlobExists, InvalidRequest, KyaniteError, QuotaExceeded, StoreUnavailable
from kyanite.runtime import stored_bytes
from kyanite.runtime.stored_bytes import COUNT_AGAIN_S, PAGE, StoredBytes
from kyanite.testing.simulation.loop import SimulationLoop, run

FAULT_CHANCE = 0.05


class UnsteadyBlobs(MemoryBlobs):
    """Takes its time before and after each effect, and sometimes fails on either side of it."""

    def __init__(self, seed, *, fails=False):
        super().__init__()
        self.dice = random.Random(seed)
        self.fails = fails
        self.watched = None
        self.most = 0
        """The most that was ever stored while there was no doubt."""

    def now_stored(self):
        return sum(blob.size for key, (blob, _) in self._objects.items() if key.startswith("team/"))

    async def aside(self):
        await anyio.sleep(self.dice.choice((0.0, 0.001, 0.01)))
        if self.fails and self.dice.random() < FAULT_CHANCE:
            raise StoreUnavailable("not now")

    async def put(self, key, content, **options):
        await self.aside()
        blob = await super().put(key, content, **options)
        if self.watched is not None and not self.watched._doubt.is_set():
            self.most = max(self.most, self.now_stored())
        await self.aside()
        return blob

    async def delete(self, keys):
        await self.aside()
        await super().delete(keys)
        await self.aside()

    async def stat(self, key):
        await self.aside()
        found = await super().stat(key)
        await self.aside()
        return found

    async def page(self, prefix="", after="", limit=500):
        await self.aside()
        found = await super().page(prefix, after, limit)
        await self.aside()
        return found


async def busy(stored, dice, keys, *, refuses):
    """Write and delete at random."""
    for _ in range(25):
        await anyio.sleep(dice.choice((0.0, 0.002, 0.02)))
        key = dice.choice(keys)
        with suppress(BlobExists, StoreUnavailable, QuotaExceeded):
            if dice.random() < 0.3:
                await stored.delete([key, dice.choice(keys)])
            else:
                content = b"x" * dice.randrange(40)
                await stored.put(key, some_stream(content) if dice.random() < 0.3 else content, {}, refuses=refuses)


async def some_stream(content):
    for at in range(0, len(content), 7):
        yield content[at : at + 7]


KEYS = [f"team/c/{number:02}" for number in range(30)]


async def simulated(seed, *, apart=False, fails=False, bytes_max=1 << 40, refuses=False):
    """Count while others write and delete, `apart` each with keys of its own; then let every doubt be healed."""
    blobs = UnsteadyBlobs(seed, fails=False)
    await blobs.open()
    for key in KEYS[::2]:
        await MemoryBlobs.put(blobs, key, b"before")
    await MemoryBlobs.put(blobs, "teams/c/1", b"of another workspace")
    stored = blobs.watched = StoredBytes(blobs, "team")
    stored.bytes_max = bytes_max
    blobs.fails = fails
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stored.count)
        async with anyio.create_task_group() as workers:
            for number in range(4):
                keys = KEYS[number::4] if apart else KEYS
                workers.start_soon(partial(busy, stored, random.Random(f"{seed} {number}"), keys, refuses=refuses))
        blobs.fails = False
        await anyio.sleep(60.0)
        assert stored.counted
        doubted = stored._doubt.is_set()
        if not doubted:
            assert stored.total == blobs.now_stored(), f"seed {seed}"
        await anyio.sleep(2 * COUNT_AGAIN_S)
        assert stored.total == blobs.now_stored(), f"seed {seed}"
        assert (stored.claimed, stored._under_way, stored._added_early) == (0, {}, set())
        tasks.cancel_scope.cancel()
    assert not (apart and not fails and doubted)
    return blobs


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch):
    monkeypatch.setattr(stored_bytes, "PAGE", 4)


@pytest.mark.parametrize("plan", [{"apart": True}, {}, {"fails": True}])
def test_the_sum_is_what_a_recount_finds_whatever_happens_meanwhile(plan):
    for seed in range(200):
        run(SimulationLoop(seed), simulated(seed, **plan))


def test_the_bound_holds_at_every_moment_that_knows_no_doubt():
    most = [run(SimulationLoop(seed), simulated(seed, bytes_max=200, refuses=True)).most for seed in range(60)]
    assert 180 < max(most) <= 200


SIZES = st.lists(st.tuples(st.sampled_from(["put", "delete", "output"]), st.integers(0, 9), st.integers(0, 50)))


@given(SIZES, st.integers(1, 150))
async def test_one_after_another_they_are_taken_as_long_as_there_is_room(steps, bytes_max):
    blobs = MemoryBlobs()
    await blobs.open()
    model = {}
    async with counting(blobs, bytes_max) as stored:
        for action, number, size in steps:
            key = f"team/c/{number}"
            if action == "delete":
                await stored.delete([key])
                model.pop(key, None)
                continue
            try:
                await stored.put(key, b"x" * size, {}, refuses=action == "put")
            except BlobExists:
                assert key in model
            except QuotaExceeded:
                assert action == "put"
                assert key not in model
                assert sum(model.values()) + size > bytes_max
            else:
                assert action == "output" or sum(model.values()) + size <= bytes_max
                assert key not in model
                model[key] = size
            assert (stored.total, stored.claimed) == (sum(model.values()), 0)


@asynccontextmanager
async def counting(blobs, bytes_max):
    stored = StoredBytes(blobs, "team")
    stored.bytes_max = bytes_max
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stored.count)
        await stored._first.wait()
        yield stored
        tasks.cancel_scope.cancel()


@pytest.fixture
async def blobs():
    store = MemoryBlobs()
    await store.open()
    return store


async def test_a_refusal_says_what_there_is_and_keeps_nothing(blobs):
    await blobs.put("team/c/1", b"x" * 60)
    async with counting(blobs, 100) as stored:
        with pytest.raises(QuotaExceeded, match=r"'team' stores 60 bytes, and 41 more .*_max is 100") as told:
            await stored.put("team/c/2", b"x" * 41, {}, refuses=True)
        assert told.value.retry_after_s == 60.0
        assert await blobs.stat("team/c/2") is None
        assert (await stored.put("team/c/2", b"x" * 40, {}, refuses=True)).size == 40
        assert (stored.total, stored.claimed) == (100, 0)


async def test_a_stream_is_cut_where_it_would_pass_the_bound(blobs):
    async with counting(blobs, 100) as stored:
        came = []

        async def endless():
            while True:
                came.append(len(came))
                yield b"x" * 30

        with pytest.raises(QuotaExceeded):
            await stored.put("team/c/1", endless(), {}, refuses=True)
        assert len(came) == 4
        assert (await blobs.page(), stored.total, stored.claimed) == ([], 0, 0)


async def test_a_file_counts_by_its_length(blobs, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"x" * 60)
    async with counting(blobs, 100) as stored:
        await stored.put("team/c/1", file, {}, refuses=True)
        with pytest.raises(QuotaExceeded):
            await stored.put("team/c/2", file, {}, refuses=True)
        with pytest.raises(InvalidRequest):
            await stored.put("team/c/2", tmp_path / "none", {}, refuses=True)
        assert (stored.total, stored.claimed) == (60, 0)


async def test_what_is_there_already_is_no_more_at_the_bound(blobs):
    async with counting(blobs, 10) as stored:
        await stored.put("team/c/1", b"x" * 10, {}, refuses=True)
        with pytest.raises(BlobExists):
            await stored.put("team/c/1", b"x" * 10, {}, refuses=True)


async def test_uploads_under_way_count_against_each_other(blobs):
    gate = anyio.Event()

    async def slow():
        yield b"x" * 60
        await gate.wait()

    async with counting(blobs, 100) as stored, anyio.create_task_group() as uploads:
        uploads.start_soon(lambda: stored.put("team/c/1", slow(), {}, refuses=True))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(QuotaExceeded):
            await stored.put("team/c/2", b"x" * 50, {}, refuses=True)
        gate.set()


@pytest.mark.parametrize("how", ["answer lost", "cancelled"])
def test_a_write_whose_answer_was_lost_is_counted_in_the_end(how):
    class Forgetful(MemoryBlobs):
        async def put(self, key, content, **options):
            await super().put(key, content, **options)
            await anyio.sleep(1.0)
            raise StoreUnavailable("answer lost")

    async def main():
        blobs = Forgetful()
        await blobs.open()
        async with counting(blobs, 100) as stored:
            with anyio.move_on_after(0.5 if how == "cancelled" else 5.0):
                with pytest.raises(StoreUnavailable):
                    await stored.put("team/c/1", b"1234", {}, refuses=True)
            assert (stored.total, stored.claimed) == (0, 0)
            await anyio.sleep(COUNT_AGAIN_S + 1.0)
            assert stored.total == 4

    run(SimulationLoop(1), main())


async def test_stopped_it_counts_nothing_and_begins_anew(blobs):
    await blobs.put("team/c/1", b"1234")
    stored = StoredBytes(blobs, "team")
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            stored.bytes_max = 100
            tasks.start_soon(stored.count)
            tasks.start_soon(stored.count)  # the second does nothing
            await stored._first.wait()
            assert (stored.total, stored.counted) == (4, True)
            stored.bytes_max = 0
            stored.stop()
            assert (stored.total, stored.counted) == (0, False)
            await anyio.wait_all_tasks_blocked()
        tasks.start_soon(stored.count)  # and so does one that was stopped before it began
    assert not stored.counted


def test_a_store_that_is_out_is_asked_again_soon():
    class Out(MemoryBlobs):
        outages = 3

        async def page(self, prefix="", after="", limit=PAGE):
            if self.outages:
                self.outages -= 1
                raise StoreUnavailable("not now")
            return await super().page(prefix, after, limit)

    async def main():
        blobs = Out()
        await blobs.open()
        await blobs.put("team/c/1", b"1234")
        async with anyio.create_task_group() as tasks:
            stored = StoredBytes(blobs, "team")
            stored.bytes_max = 1
            tasks.start_soon(stored.count)
            await anyio.sleep(1.0)
            # Nobody waits for ever; until there is a sum, what is known is the bound's measure.
            began = anyio.current_time()
            with pytest.raises(KyaniteError) as told:
                await stored.put("team/c/2", b"12", {}, refuses=True)
            assert isinstance(told.value, QuotaExceeded)
            assert anyio.current_time() - began == pytest.approx(stored_bytes.PATIENCE_S)
            await anyio.sleep(20.0)
            assert (stored.total, stored.counted) == (4, True)
            tasks.cancel_scope.cancel()

    run(SimulationLoop(1), main())
