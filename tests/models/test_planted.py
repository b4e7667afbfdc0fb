"""The machines themselves under test: a bug planted in an adapter is noticed."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.backoff import Backoff
from kyanite.core.queueing import ReadyQueue
from kyanite.ports import sort_key
from kyanite.runtime import journal as journal_module
from kyanite.runtime.census import Census
from kyanite.runtime.journal import Journal
from kyanite.runtime.runner import Execution
from kyanite.stores.memory import MemoryStore
from tests.models.machine import effort
from tests.models.test_blob_stores import BlobStoreMachine
from tests.models.test_job_stores import JobStoreMachine
from tests.models.test_journal import JournalMachine
from tests.models.test_queueing import QueueingMachine
from tests.models.test_workspace import WorkspaceMachine


def without_compare_and_set(monkeypatch):
    apply = MemoryStore._apply

    def always(self, write):
        row = self._rows.get((write.details.workspace, write.details.id))
        return apply(self, replace(write, expected_version=row.version if row else 0))

    monkeypatch.setattr(MemoryStore, "_apply", always)


def without_tombstones(monkeypatch):
    purge = MemoryStore.purge

    async def forgetful(self, workspace, job_ids):
        gone = await purge(self, workspace, job_ids)
        self._buried.clear()
        return gone

    monkeypatch.setattr(MemoryStore, "purge", forgetful)


def with_a_page_that_repeats_its_first_row(monkeypatch):
    page = MemoryStore.page

    async def again(self, query):
        rows = await page(self, replace(query, after=None))
        return [row for row in rows if query.after is None or sort_key(row, query.order) >= query.after][: query.limit]

    monkeypatch.setattr(MemoryStore, "page", again)


def with_puts_that_replace(monkeypatch):
    put = MemoryBlobs.put

    async def replacing(self, key, content, **label):
        self._objects.pop(key, None)
        return await put(self, key, content, **label)

    monkeypatch.setattr(MemoryBlobs, "put", replacing)


def with_reads_that_are_inclusive(monkeypatch):
    read = MemoryBlobs.read

    def inclusive(self, key, start=0, end=None):
        return read(self, key, start, None if end is None else end + 1)

    monkeypatch.setattr(MemoryBlobs, "read", inclusive)


def with_an_answer_that_is_not_looked_for(monkeypatch):
    async def never(self, request):
        return None

    monkeypatch.setattr(Journal, "_position", never)


def with_the_wall_clock_as_it_is(monkeypatch):
    stamp = Journal._stamp

    def careless(self, row, request, now):
        return stamp(self, None if row is None else replace(row, updated_time=None), request, now)

    monkeypatch.setattr(Journal, "_stamp", careless)


def with_queues_that_forget_the_rank(monkeypatch):
    push = ReadyQueue.push
    monkeypatch.setattr(ReadyQueue, "push", lambda self, ready: push(self, replace(ready, rank=-ready.rank)))


def with_cancellation_that_nobody_hears_of(monkeypatch):
    monkeypatch.setattr(Execution, "cancel_requested", property(lambda self: False))


def with_waiting_jobs_that_nobody_counts(monkeypatch):
    monkeypatch.setattr(Census, "recorded", lambda self, change: None)


PLANTED = [
    (JobStoreMachine, without_compare_and_set),
    (JobStoreMachine, without_tombstones),
    (JobStoreMachine, with_a_page_that_repeats_its_first_row),
    (BlobStoreMachine, with_puts_that_replace),
    (BlobStoreMachine, with_reads_that_are_inclusive),
    (JournalMachine, with_an_answer_that_is_not_looked_for),
    (JournalMachine, with_the_wall_clock_as_it_is),
    (QueueingMachine, with_queues_that_forget_the_rank),
    (WorkspaceMachine, with_queues_that_forget_the_rank),
    (WorkspaceMachine, with_cancellation_that_nobody_hears_of),
    (WorkspaceMachine, with_waiting_jobs_that_nobody_counts),
]


@pytest.mark.parametrize(("machine", "bug"), PLANTED, ids=lambda part: part.__name__)
def test_a_planted_bug_is_noticed(machine, bug, monkeypatch):
    bug(monkeypatch)
    monkeypatch.setattr(journal_module, "PATIENCE", Backoff(first_s=0.0001, most_s=0.001))
    often = settings(effort(quick=150, ci=150, soak=150), derandomize=True, database=None)
    with pytest.raises(BaseException) as noticed:
        run_state_machine_as_test(type("planted", (machine,), {}), settings=often)
    assert isinstance(noticed.value, AssertionError | ExceptionGroup | AttributeError | KeyError | TimeoutError)
