"""The journal over every store against one sentence: what is recorded happens once, in order, and is then announced.

The model is a dictionary of rows, changed by the lifecycle's plain twin. The store loses answers, is out, or is full.
"""

import asyncio
from itertools import pairwise

import anyio
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from kyanite.core.backoff import Backoff
from kyanite.core.events import (
    Amended,
    Began,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Failed,
    Inspected,
    Intended,
    Resumed,
    RetryScheduled,
    Submitted,
    Succeeded,
    Suspended,
)
from kyanite.core.job import CostEstimate, ErrorData, Needs
from kyanite.core.lifecycle import InvalidTransition, fold
from kyanite.errors import JobNotFound, StorageFull, StoreUnavailable, WorkspaceClosed
from kyanite.runtime import journal as journal_module
from kyanite.runtime.journal import Journal
from kyanite.testing.clocks import FakeClock, FakeEntropy
from kyanite.testing.stores import START, a_job
from tests.models.adapters import JOB_STORES
from tests.models.faults import FULL, LOST, OUT, Faulty
from tests.models.lifecycle import after
from tests.models.machine import AsyncMachine, effort
from tests.reliability import record

REFUSALS = (InvalidTransition, JobNotFound, StorageFull, StoreUnavailable, ZeroDivisionError)

texts = st.sampled_from(["", "a", "b"])
costs = st.none() | st.just(CostEstimate("EUR", 1.0))
properties = st.dictionaries(texts, texts, max_size=1)
outputs = st.none() | st.just({"output_data_uri": "kyanite:///o", "output_hash": "0f", "output_size": 3})
errors = st.builds(ErrorData, texts, texts)
events = st.one_of(
    st.builds(Submitted, details=st.just(a_job(5))),
    st.builds(Inspected, needs=st.just(Needs(cores=1.0)), properties=properties),
    st.builds(Began, attempt=st.integers(1, 3)),
    st.builds(Began, attempt=st.integers(1, 3)),
    st.builds(CancelRequested, reason=texts),
    st.builds(Intended, token=texts),
    st.builds(Checkpointed, handle=st.sampled_from([None, 3, {"a": [1]}])),
    st.builds(RetryScheduled, error=errors, not_before=st.just(START)),
    st.builds(Resumed),
    st.builds(Suspended),
    st.builds(
        Amended,
        name=st.none() | texts,
        tags=st.none() | st.just(("t",)),
        metadata=st.none() | st.just({"k": 1}),
        priority=st.none() | st.integers(-1, 1),
        rank=st.none() | st.just(3.5),
    ),
    st.builds(
        Succeeded,
        output_data_uri=st.just("kyanite:///o"),
        output_hash=st.just("0f"),
        output_size=st.just(3),
        output_data_format=st.none() | texts,
        cost_estimate=costs,
        properties=properties,
    ),
    st.builds(
        lambda error, cost, output: Failed(error=error, cost_estimate=cost, **(output or {})), errors, costs, outputs
    ),
    st.builds(
        lambda more, cost, output: Cancelled(properties=more, cost_estimate=cost, **(output or {})),
        properties,
        costs,
        outputs,
    ),
)
proposals = st.lists(events, max_size=3).map(tuple)
addresses = st.integers(0, 3).map(lambda number: ("default", f"job{number:05d}"))
faults = st.lists(st.sampled_from([LOST, OUT, FULL]), max_size=3)


class JournalMachine(AsyncMachine):
    """Submits and records, in order and at once, over a store that fails by plan."""

    adapter = JOB_STORES["memory"]

    async def begin(self):
        self.rows = {}
        self.stories = {}
        self.announced = []
        self.clock, self.entropy = FakeClock(START), FakeEntropy()
        self.store = Faulty(self.adapter.make(self.folder))
        await self.store.open()
        await self.start()

    async def start(self):
        self.journal = Journal(self.store, self.clock, self.entropy)
        self.journal.listeners.append(self.announced.append)
        # The machine awaits it in `stop`: no task group can be open from one rule to the next.
        self.running = asyncio.get_running_loop().create_task(self.journal.run())

    async def stop(self):
        await self.journal.close()
        await self.running

    async def end(self):
        await self.stop()
        await self.store.aclose()

    # Recording --------------------------------------------------------------------------------------------------------

    @rule(
        number=st.integers(0, 3), fields=st.fixed_dictionaries({"name": texts}), faults=faults, reads=st.integers(0, 2)
    )
    def submit(self, number, fields, faults, reads):
        job = a_job(number, **fields)
        address = ("default", job.id)
        self.store.plan, self.store.reads = [*faults], reads
        taken = address in self.rows
        found = self.run(answer(self.journal.submit(job)))
        if faults[:1] in ([OUT], [FULL]):
            # Whether a job is at hand that has the id is known before the store is asked.
            kinds = {OUT: StoreUnavailable, FULL: StorageFull}
            assert found is kinds[faults[0]] or (taken and found is None)
        elif taken:
            assert found is None or found is StoreUnavailable
        else:
            self.tell(address, (Submitted(details=job),))
            assert found == self.rows[address]
        self.store.plan, self.store.reads = [], 0

    @rule(address=addresses, proposal=proposals, faults=faults, reads=st.integers(0, 2), decided=st.booleans())
    def record(self, address, proposal, faults, reads, decided):
        """One event, or a decision for several; whatever the store does, it happens once."""
        proposal = proposal if decided else proposal[:1]
        if not proposal and not decided:
            return
        self.store.plan, self.store.reads = [*faults], reads
        found = self.run(answer(self.journal.record(address, (lambda row: proposal) if decided else proposal[0])))
        assert found == self.expected(address, proposal)
        self.store.plan, self.store.reads = [], 0

    @rule(address=addresses)
    def a_decision_that_fails(self, address):
        expected = ZeroDivisionError if address in self.rows else JobNotFound
        assert self.run(answer(self.journal.record(address, lambda row: 1 / 0))) is expected

    @precondition(lambda self: self.rows)
    @rule(drawn=st.lists(st.tuples(st.integers(0, 9), events), min_size=2, max_size=12), faults=faults)
    def record_many_at_once(self, drawn, faults):
        """Of jobs that are held, in the order of the calls; nobody waits in between."""
        known = sorted(self.rows)
        calls = [(known[at % len(known)], event) for at, event in drawn]
        for address in known:
            self.journal.hold(self.rows[address])
        self.store.plan = [*faults]

        async def at_once():
            answers = [self.journal.record(address, event) for address, event in calls]
            return [await answer(each) for each in answers]

        found = self.run(at_once())
        assert found == [self.expected(address, (event,)) for address, event in calls]
        for address in known:
            assert self.journal.current(address) == self.rows[address]
            self.journal.release(address)
        self.store.plan = []

    def expected(self, address, proposal):
        """Return what recording this answers, and let it happen to the model."""
        if address not in self.rows:
            return JobNotFound
        try:
            self.tell(address, proposal)
        except InvalidTransition:
            return InvalidTransition
        return self.rows[address]

    def tell(self, address, proposal):
        row, story = self.rows.get(address), list(self.stories.get(address, []))
        for proposed in proposal:
            time = self.clock.now() if row is None else max(self.clock.now(), row.updated_time)
            before, row = row, after(row, replace(proposed, time=time))
            if row is not before:
                story.append(type(proposed))
        self.rows[address], self.stories[address] = row, story

    # Time and lives ---------------------------------------------------------------------------------------------------

    @rule(seconds=st.integers(-100, 100))
    def the_wall_clock_jumps(self, seconds):
        self.clock.jump(seconds)

    @rule(again=st.booleans())
    def close_and_go_on(self, again):
        """A journal that was closed takes nothing; the next one finds what the store has."""
        self.run(self.stop())
        assert self.run(answer(self.journal.submit(a_job(9)), WorkspaceClosed)) is WorkspaceClosed
        if again and self.adapter.persists:
            self.run(self.store.aclose())
            self.store = Faulty(self.adapter.make(self.folder))
            self.run(self.store.open())
        self.run(self.start())

    # What always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def rows_and_stories_are_the_models(self):
        self.run(self.compare())
        type(self).compared += 1

    async def compare(self):
        for address, row in self.rows.items():
            assert await self.store.get(*address) == row
            story = await self.store.events(0, 1_000, address)
            assert [type(event) for event in story] == self.stories[address]
            assert fold(story) == row
            times = [event.time for event in story]
            assert times == sorted(times)
            assert len({event.event_id for event in story}) == len(story)
        assert await self.store.head() == sum(len(story) for story in self.stories.values())

    @invariant()
    def each_change_was_announced_once_and_in_order(self):
        for address, row in self.rows.items():
            changes = [change for change in self.announced if (change.after.workspace, change.after.id) == address]
            assert changes[0].before is None
            assert changes[-1].after == row
            assert all(earlier.after == later.before for earlier, later in pairwise(changes))
            assert [type(event) for change in changes for event in change.events] == self.stories[address]
        positions = sorted(change.position for change in self.announced)
        assert len(set(positions)) == len(positions)
        assert positions[-1:] == ([self.run(self.store.head())] if positions else [])

    @invariant()
    def nothing_is_at_hand_that_nobody_holds(self):
        assert all(self.journal.current(address) is None for address in self.rows)


async def answer(awaitable, *errors):
    """Return what comes back, or the type of the error."""
    with anyio.fail_after(30):
        try:
            return await awaitable
        except (*REFUSALS, *errors) as error:
            return type(error)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(journal_module, "PATIENCE", Backoff(first_s=0.0001, most_s=0.001))


@pytest.mark.parametrize("name", JOB_STORES)
@pytest.mark.timeout(3_600)
def test_the_journal_records_as_the_model_does(name):
    machine = type(f"{name}_machine", (JournalMachine,), {"adapter": JOB_STORES[name], "compared": 0})
    run_state_machine_as_test(machine, settings=effort(quick=10, ci=100, soak=4_000))
    assert machine.compared > 0
    record(
        "Every adapter answers as its port's reference model does",
        f"journal and lifecycle over {name}: {machine.compared:,} states compared, 0 differ",
        adapter=f"journal over {name}",
        compared=machine.compared,
        differ=0,
    )
