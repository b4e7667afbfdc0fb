"""The newest of the log in memory: without a gap, bounded, and told to every reader in slices."""

import asyncio
import time
from contextlib import ExitStack, contextmanager

from kyanite.core.events import decode_event
from kyanite.runtime import feed, rounds
from tests.runtime.live import LiveLog, began, born, progress, renamed, succeeded

PATIENCE_S = 10.0


class Reader:
    """Notes when it is told, and takes what the stretch has."""

    def __init__(self, position=0):
        self.position = position
        self.taken = []
        self.missed = 0
        self.told = 0
        self.beats = 0
        self.progress = []
        self.closed = False
        self.stretch = None
        self.failing = False

    def news(self):
        self.told += 1
        if self.failing:
            raise ValueError("broken")
        entries = self.stretch.since(self.position)
        if entries is None:
            self.missed += 1
            return
        self.taken += [entry.event.position for entry in entries]
        self.position = max([self.position, *(entry.event.position for entry in entries)])
        self.progress += [entry.event.fraction for entry in self.stretch.telling.values()]

    def beat(self):
        self.beats += 1

    def close(self):
        self.closed = True


async def until(condition):
    """Return once it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0)


async def test_readers_are_told_of_their_workspace_and_job_alone():
    log = LiveLog()
    await log.record("a", "early", born("a", "early"))
    all_of_a, job_of_a, all_of_b = Reader(1), Reader(1), Reader(1)
    with (
        log.feed.reading(all_of_a, "a") as all_of_a.stretch,
        log.feed.reading(job_of_a, "a", "j") as job_of_a.stretch,
        log.feed.reading(all_of_b, "b") as all_of_b.stretch,
    ):
        await log.record("a", "early", began())
        await log.record("a", "j", born("a", "j"), began())
        await log.record("b", "j", born("b", "j"))
        await until(lambda: all_of_a.taken == [2, 3, 4] and job_of_a.taken == [3, 4] and all_of_b.taken == [5])
        assert (log.feed.readers("a"), log.feed.readers("b"), log.feed.readers("c")) == (2, 1, 0)
    assert log.feed.readers("a") == 0


async def test_the_journal_pays_nothing_while_nobody_reads():
    log = LiveLog()
    listeners = list(log.journal.listeners)
    reader = Reader()
    with log.feed.reading(reader, "a"):
        assert log.journal.listeners == [*listeners, log.feed.recorded]
        assert log.bus.overseers == [log.feed.progressed]
    assert log.journal.listeners == listeners
    assert log.bus.overseers == []
    await log.record("a", "j", born("a", "j"))
    with log.feed.reading(reader, "a") as found:
        assert (found.base, log.feed.present) == (1, 1)


async def test_a_frame_is_what_the_log_has_with_its_position():
    log = LiveLog()
    reader = Reader()
    with log.feed.reading(reader, "a") as shared:
        await log.record("a", "j", born("a", "j", metadata={"text": "two\nlines\r\u2028"}))
        (entry,) = shared.since(0)
        lines = entry.frame.decode().split("\n")
        assert lines[:2] == ["id: 1", "event: Submitted"]
        assert lines[2].startswith("data: {")
        assert lines[3:] == ["", ""]
        assert decode_event(lines[2].removeprefix("data: "), 1) == (await log.store.events(0, 1))[0]
        assert shared.since(0)[0].frame is entry.frame


async def test_a_gap_begins_the_stretches_anew_and_wakes_everybody():
    log = LiveLog()
    reader, of_job = Reader(), Reader()
    with log.feed.reading(reader, "a") as reader.stretch, log.feed.reading(of_job, "b", "x") as of_job.stretch:
        await log.record("a", "j", born("a", "j"))
        await until(lambda: reader.taken == [1])
        late = await log.commit("b", "x", born("b", "x"))
        await log.record("a", "j", began())
        await until(lambda: reader.missed == 1 and of_job.missed == 1)
        assert (reader.stretch.base, reader.stretch.positions) == (2, [3])
        log.announce(late)
        assert log.feed.position == log.bus.position == 3
        assert of_job.stretch.positions == []
        page = await log.feed.backlog.story(("b", "x"), 0, log.feed.position)
        assert [entry.event.position for entry in page.entries] == [2]
        assert page.upto == 3


async def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(feed, "WORKSPACE_LENGTH_MAX", 8)
    log = LiveLog()
    with log.feed.reading(Reader(), "a") as shared:
        await log.record("a", "j", born("a", "j"))
        for number in range(100):
            await log.record("a", "j", renamed(str(number)))
            assert len(shared.entries) <= 8
        assert shared.positions == list(range(shared.base + 1, 102))
        assert shared.since(shared.base - 1) is None
        assert [entry.event.position for entry in shared.since(shared.base)] == shared.positions
        assert shared.since(101) == []


async def test_readers_are_told_in_slices(monkeypatch):
    monkeypatch.setattr(rounds, "SLICE_S", 0.002)
    log = LiveLog()
    held_s = []

    class Slow(Reader):
        def news(self):
            super().news()
            time.sleep(0.0001)

    readers = [Slow() for _ in range(300)]

    async def watch():
        while any(not reader.taken for reader in readers):
            begun = time.perf_counter()
            await asyncio.sleep(0)
            held_s.append(time.perf_counter() - begun)

    async with asyncio.timeout(PATIENCE_S):
        with _all_reading(log, readers):
            await log.record("a", "j", born("a", "j"))
            await watch()
    assert len(held_s) >= 10
    assert sorted(held_s)[len(held_s) // 2] < 0.02
    assert [reader.taken for reader in readers] == [[1]] * 300


async def test_rounds_rest_as_long_as_they_took(monkeypatch):
    """What comes while many are being told is told to all of them at once."""
    log = LiveLog()

    class Slow(Reader):
        def news(self):
            super().news()
            time.sleep(0.0005)

    readers = [Slow() for _ in range(40)]
    with _all_reading(log, readers):
        await log.record("a", "j", born("a", "j"))
        for number in range(200):
            await log.record("a", "j", renamed(str(number)))
            await asyncio.sleep(0.0005)
        await until(lambda: all(reader.position == 201 for reader in readers))
    assert all(reader.taken == list(range(1, 202)) for reader in readers)
    assert max(reader.told for reader in readers) < 40


async def test_one_reader_that_fails_is_no_other_ones_trouble(caplog):
    log = LiveLog()
    readers = [Reader() for _ in range(3)]
    readers[0].failing = True
    with _all_reading(log, readers):
        await log.record("a", "j", born("a", "j"))
        await until(lambda: readers[2].taken == [1])
    assert readers[1].taken == [1]
    assert "reader not told" in caplog.text


async def test_of_progress_the_newest_is_told_and_none_after_the_end():
    log = LiveLog()
    reader, of_other = Reader(), Reader()
    with log.feed.reading(reader, "a") as reader.stretch, log.feed.reading(of_other, "a", "k") as of_other.stretch:
        await log.record("a", "j", born("a", "j"), began())
        for hundredth in range(50):
            log.bus.progressed(progress("a", "j", hundredth / 100))
        await until(lambda: reader.progress)
        assert reader.progress == [0.49]
        log.bus.progressed(progress("a", "j", 0.9))
        await log.record("a", "j", succeeded())
        await until(lambda: reader.taken == [1, 2, 3])
        assert reader.progress == [0.49]
        assert of_other.told == 0


async def test_beats_reach_everybody_and_end_with_the_last_reader():
    log = LiveLog(beat_s=0.01)
    readers = [Reader() for _ in range(5)]
    with _all_reading(log, readers):
        await until(lambda: all(reader.beats >= 2 for reader in readers))
    assert log.feed._timer.cancelled()


async def test_closing_ends_every_reader_and_those_to_come():
    log = LiveLog()
    readers, late = [Reader() for _ in range(3)], Reader()
    with _all_reading(log, readers):
        log.feed.close()
        assert all(reader.closed for reader in readers)
        with log.feed.reading(late, "a"):
            assert late.closed


@contextmanager
def _all_reading(log, readers):
    with ExitStack() as stack:
        for reader in readers:
            reader.stretch = stack.enter_context(log.feed.reading(reader, "a"))
        yield
