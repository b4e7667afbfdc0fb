"""Reading up in the log: each page once for a crowd, and labels as they are now."""

import asyncio

import pytest

from kyanite.core.backoff import Backoff
from kyanite.core.events import Amended
from kyanite.errors import JobNotFound
from kyanite.runtime import backlog, execution
from tests.runtime.faults import UNAVAILABLE, FaultyStore
from tests.runtime.live import LiveLog, began, born, renamed, succeeded


class CountingStore(FaultyStore):
    """Counts reads of the log, each of which takes a moment."""

    def __init__(self):
        super().__init__()
        self.asked = []

    async def events(self, after, limit, job=None):
        self.asked.append((after, job))
        await asyncio.sleep(0)
        return await super().events(after, limit, job)


async def filled(store, events):
    """A log of two jobs in turn, the first in workspace a and the second in b."""
    log = LiveLog(store)
    for number in range(events):
        workspace = "b" if number % 2 else "a"
        await log.record(workspace, "j", born(workspace, "j") if number < 2 else renamed(str(number)))
    return log


async def test_a_crowd_reads_each_page_once(monkeypatch):
    monkeypatch.setattr(backlog, "PAGE", 16)
    store = CountingStore()
    log = await filled(store, 40)
    async with asyncio.TaskGroup() as group:
        pages = [group.create_task(log.feed.backlog.page("a", 16 + number % 16)) for number in range(200)]
    assert store.asked == [(16, None)]
    for number, page in enumerate(pages):
        seen = [entry.event.position for entry in page.result().entries]
        assert seen == [at for at in range(17 + number % 16, 33) if at % 2]
        assert page.result().upto == 32
    log.feed.backlog.forget()
    assert not log.feed.backlog._pages


async def test_the_page_at_the_end_grows_and_few_are_kept(monkeypatch):
    monkeypatch.setattr(backlog, "PAGE", 8)
    store = CountingStore()
    log = await filled(store, 3)
    assert (await log.feed.backlog.page("a", 0)).upto == 3
    assert (await log.feed.backlog.page("a", 3)) == ([], 3)
    await log.record("a", "j", renamed("later"))
    assert [entry.event.position for entry in (await log.feed.backlog.page("a", 3)).entries] == [4]
    for number in range(60):
        await log.record("a", "j", renamed(str(number)))
    upto, seen = 0, []
    while upto < 64:
        page = await log.feed.backlog.page("a", upto)
        assert upto < page.upto <= upto + backlog.PAGE
        seen += [entry.event.position for entry in page.entries]
        upto = page.upto
        assert len(log.feed.backlog._pages) <= backlog.PAGES_KEPT
    assert seen == [1, *range(3, 65)]


async def test_the_log_is_waited_for_while_the_store_is_out(monkeypatch):
    monkeypatch.setattr(execution, "PATIENCE", Backoff(first_s=0.0001, most_s=0.001))
    store = FaultyStore()
    log = await filled(store, 3)
    store.reads = [UNAVAILABLE, UNAVAILABLE]
    assert (await log.feed.backlog.page("a", 0)).upto == 3
    assert not store.reads


async def test_labels_are_those_of_the_row_and_of_a_purged_job_those_of_its_events():
    log = LiveLog()
    await log.record("a", "kept", born("a", "kept", target="acme.one", tags=["old"]))
    await log.record("a", "gone", born("a", "gone", target="acme.two", tags=["t"]), began(), succeeded())
    await log.record("a", "kept", Amended(tags=("new",)))
    await log.store.purge("a", ["gone"])
    page = await log.feed.backlog.page("a", 0)
    await log.feed.backlog.label(page.entries)
    assert [(entry.target, entry.tags) for entry in page.entries] == [
        ("acme.one", ("new",)),
        *[("acme.two", ("t",))] * 3,
        ("acme.one", ("new",)),
    ]
    assert await log.feed.backlog.ended_at(("a", "gone")) == 4
    assert await log.feed.backlog.ended_at(("a", "kept")) is None
    with pytest.raises(JobNotFound):
        await log.feed.backlog.ended_at(("b", "kept"))


async def test_a_job_that_is_submitted_while_it_is_looked_for_has_not_ended():
    class Late(FaultyStore):
        async def get(self, workspace, job_id):
            row = await super().get(workspace, job_id)
            await log.record("a", "j", born("a", "j"))
            return row

    log = LiveLog(Late())
    assert await log.feed.backlog.ended_at(("a", "j")) is None
