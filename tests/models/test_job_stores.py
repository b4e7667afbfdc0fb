"""The same calls on every job store and on the model: the same answers, errors included."""

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Cancelled, CancelRequested, Checkpointed
from kyanite.core.job import Status
from kyanite.core.lifecycle import InvalidTransition, apply
from kyanite.core.session import JobFailurePolicy
from kyanite.errors import ReadOnly
from kyanite.ports import COUNTS, ORDERS, Cursor, JobQuery, SessionQuery, sort_key
from kyanite.testing.stores import START, a_job, a_session, success, write
from tests.models.adapters import JOB_STORES
from tests.models.job_store import JobStoreModel
from tests.models.machine import AsyncMachine, effort
from tests.reliability import record

TEXTS = ["", "a", "A", "ab", "a%", "a_", "b", "é", "☃", "a\0b", "a\U0010ffff", "a\U0010ffffb"]
IDS = ["a", "A", "ab", "abc", "a-b", "b", "b0", "é", "\U0010ffff", "%"]
TARGETS = ["acme.echo", "acme.sort", "ACME.echo"]
PROVIDERS = ["acme", "other"]
WORKSPACES = ["default", "other"]
SESSIONS = ["s", "S", "é"]
TAGS = ["red", "blue", "RED", "a\U0010ffff", ""]

texts, ids, workspaces = st.sampled_from(TEXTS), st.sampled_from(IDS), st.sampled_from(WORKSPACES)
tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
times = st.integers(0, 6).map(lambda number: START + timedelta(microseconds=number))
ranks = st.sampled_from([-1.5, -0.0, 0.0, 2.0, 2.5, 1e300])
several = lambda values: st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)
births = st.fixed_dictionaries(
    {
        "name": texts,
        "target": st.sampled_from(TARGETS),
        "provider_id": st.sampled_from(PROVIDERS),
        "tags": tags,
        "creation_time": times,
        "rank": ranks,
        "session_id": st.sampled_from([None, None, *SESSIONS]),
    }
)
headings = st.fixed_dictionaries(
    {
        "id": st.sampled_from(SESSIONS),
        "workspace": workspaces,
        "name": texts,
        "provider_id": st.sampled_from(PROVIDERS),
        "target": st.none() | st.sampled_from(TARGETS),
        "job_failure_policy": st.sampled_from(JobFailurePolicy),
        "creation_time": times,
    }
)
changes = st.one_of(
    st.builds(Began, attempt=st.just(1)),
    st.builds(CancelRequested),
    st.builds(Checkpointed, handle=st.just({"x": [None, 1.5]})),
    st.builds(Amended, name=st.none() | texts, tags=st.none() | tags, rank=st.none() | ranks),
    st.builds(Cancelled),
    st.builds(success),
)
plain = st.builds(JobQuery, workspace=workspaces, order=st.sampled_from(ORDERS), descending=st.booleans())
filters = st.one_of(
    st.tuples(st.just("status"), several(list(Status))),
    st.tuples(st.just("target"), several([*TARGETS, "nothing"])),
    st.tuples(st.just("provider_id"), several(PROVIDERS)),
    st.tuples(st.just("name_prefix"), texts),
    st.tuples(st.just("id_prefix"), ids),
    st.tuples(st.just("tag"), st.sampled_from(TAGS)),
    st.tuples(st.just("session_id"), st.sampled_from(["", "nobody", *SESSIONS])),
    st.tuples(st.just("created_after"), times),
    st.tuples(st.just("created_before"), times),
)
of_sessions = st.builds(
    SessionQuery,
    workspace=workspaces,
    target=several([*TARGETS, "nothing"]),
    provider_id=several(PROVIDERS),
    name_prefix=st.sampled_from(["", "", *TEXTS]),
    created_after=st.none() | times,
    created_before=st.none() | times,
    descending=st.booleans(),
    limit=st.integers(0, 3),
)
queries = st.builds(lambda query, pairs: replace(query, **dict(pairs)), plain, st.lists(filters, max_size=3))


class JobStoreMachine(AsyncMachine):
    """Anything in any order, on one adapter and the model."""

    adapter = JOB_STORES["memory"]

    async def begin(self):
        self.model = JobStoreModel()
        self.ever = []
        self.store = self.adapter.make(self.folder)
        self.along = None
        await self.store.open()

    async def end(self):
        if self.along is not None:
            await self.along.aclose()
        await self.store.aclose()

    # Changing ---------------------------------------------------------------------------------------------------------

    @initialize(number=st.integers(0, 8))
    def begin_with_some(self, number):
        self.commit([write(None, birth=a_job(at, rank=float(at % 3))) for at in range(number)])

    @rule(
        drawn=st.lists(
            st.tuples(
                st.tuples(workspaces, ids),
                births,
                st.lists(changes, max_size=3),
                st.sampled_from([0, 0, 0, 0, -1, 1, 9]),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
            unique_by=lambda each: each[0],
        ),
        lender=st.none() | st.sampled_from(IDS),
    )
    def commit_a_batch(self, drawn, lender):
        """Births and changes mixed, some made from a row that is not the stored one."""
        shared = {}
        if lender is not None:
            shared["input_data_uri"] = a_job(0, id=lender).input_data_uri
        writes = []
        for (workspace, job_id), fields, proposed, wrong_by, as_born in drawn:
            row = self.model.get(workspace, job_id)
            birth = a_job(0, workspace=workspace, id=job_id, **fields, **shared) if as_born or row is None else None
            events = effective(row if birth is None else birth, proposed)
            if events or birth is not None:
                made = write(row if birth is None else None, *events, birth=birth)
                expected = made.expected_version if birth is not None else max(1, made.expected_version + wrong_by)
                writes.append(replace(made, expected_version=expected))
        self.commit(writes)

    def commit(self, writes):
        if writes:
            self.same(lambda: self.model.commit(writes), self.store.commit(writes))
            self.ever += [each.details for each in writes]

    @rule(workspace=workspaces, ids=st.lists(ids, max_size=6))
    def purge(self, workspace, ids):
        self.same(lambda: self.model.purge(workspace, ids), self.store.purge(workspace, ids))

    @rule(address=st.tuples(workspaces, ids), fields=births)
    def bury_and_submit_again(self, address, fields):
        """An id that was purged stays refused, and its story readable."""
        workspace, job_id = address
        birth = a_job(0, workspace=workspace, id=job_id, **fields)
        self.commit([write(None, Cancelled(), birth=birth)])
        self.same(lambda: self.model.purge(workspace, [job_id]), self.store.purge(workspace, [job_id]))
        self.commit([write(None, birth=birth)])
        self.same(lambda: self.model.get(*address), self.store.get(*address))
        self.same(lambda: self.model.events(0, 9, address), self.store.events(0, 9, address))

    @rule(save=st.lists(st.builds(Cursor, st.sampled_from(["a", "A", "é", ""]), st.integers(0, 99), times), max_size=3))
    def cursors(self, save):
        self.same(lambda: self.model.cursors(save), self.store.cursors(save))

    @rule(fields=headings)
    def open_session(self, fields):
        session = a_session(0, **fields)
        self.same(lambda: self.model.open_session(session), self.store.open_session(session))

    @rule(workspace=workspaces, session_id=st.sampled_from(["nobody", *SESSIONS]), time=times)
    def close_session(self, workspace, session_id, time):
        closing = self.store.close_session(workspace, session_id, time)
        self.same(lambda: self.model.close_session(workspace, session_id, time), closing)

    # Reading, also from outside ---------------------------------------------------------------------------------------

    @rule(address=st.tuples(workspaces, ids), along=st.booleans())
    def get(self, address, along):
        self.same(lambda: self.model.get(*address), self.reader(along).get(*address))

    @rule(query=queries, limit=st.integers(0, 5), along=st.booleans())
    def page_through(self, query, limit, along):
        """Every page, each from where the one before ended."""
        query = replace(query, limit=limit)
        while page := self.same(lambda at=query: self.model.page(at), self.reader(along).page(query)):
            query = replace(query, after=sort_key(page[-1], query.order))

    @rule(query=queries, at=st.integers(0), along=st.booleans())
    def page_from_anywhere(self, query, at, along):
        """From where a job stands, or once stood, that need not be among those asked for."""
        if self.ever:
            query = replace(query, after=sort_key(self.ever[at % len(self.ever)], query.order))
        self.same(lambda: self.model.page(query), self.reader(along).page(query))

    @rule(query=queries, by=st.sampled_from([None, *COUNTS]), along=st.booleans())
    def count(self, query, by, along):
        self.same(lambda: self.model.count(query, by), self.reader(along).count(query, by))

    @rule(along=st.booleans())
    def ask_for_what_there_is_not(self, along):
        """An order or a group that no store knows."""
        query, store = JobQuery(order="version"), self.reader(along)
        self.same(lambda: self.model.page(query), store.page(query))
        self.same(lambda: self.model.count(JobQuery(), "version"), store.count(JobQuery(), "version"))

    @rule(after=st.integers(0, 40), limit=st.integers(0, 12), along=st.booleans())
    def read_the_log(self, after, limit, along):
        self.same(lambda: self.model.events(after, limit), self.reader(along).events(after, limit))

    @rule(address=st.tuples(workspaces, ids), after=st.integers(0, 4), limit=st.integers(0, 4), along=st.booleans())
    def read_a_story(self, address, after, limit, along):
        events = self.reader(along).events(after, limit, address)
        self.same(lambda: self.model.events(after, limit, address), events)

    @rule(workspace=workspaces, ids=st.lists(ids, max_size=5), along=st.booleans())
    def buried(self, workspace, ids, along):
        self.same(lambda: self.model.buried(workspace, ids), self.reader(along).buried(workspace, ids))

    @rule(workspace=workspaces, session_id=st.sampled_from(["nobody", *SESSIONS]), along=st.booleans())
    def session(self, workspace, session_id, along):
        found = self.reader(along).session(workspace, session_id)
        self.same(lambda: self.model.session(workspace, session_id), found)

    @rule(query=of_sessions, along=st.booleans())
    def page_through_sessions(self, query, along):
        while page := self.same(lambda at=query: self.model.page_sessions(at), self.reader(along).page_sessions(query)):
            query = replace(query, after=sort_key(page[-1], "creation_time"))

    @rule(workspace=workspaces, ids=st.lists(st.sampled_from(["nobody", *SESSIONS]), max_size=4), along=st.booleans())
    def tally_sessions(self, workspace, ids, along):
        self.same(lambda: self.model.tally_sessions(workspace, ids), self.reader(along).tally_sessions(workspace, ids))

    def reader(self, along):
        """Return the store itself, or one that only reads what the owner writes, if there can be one."""
        if not along or not self.adapter.read_along:
            return self.store
        if self.along is None:
            self.along = self.adapter.make(self.folder)
            self.run(self.along.open(read_only=True))
        return self.along

    # Lives ------------------------------------------------------------------------------------------------------------

    @rule()
    def reopen(self):
        """Close the store and open it again, or a new one on what it left."""
        self.run(self.end())
        if self.adapter.persists:
            self.store = self.adapter.make(self.folder)
        self.along = None
        self.run(self.store.open())

    @rule()
    def write_where_one_may_only_read(self):
        reader = self.reader(along=True)
        if reader is self.store:
            return
        assert self.same(refuse, reader.commit([write(None, birth=a_job(77))])) is ReadOnly
        assert self.same(refuse, reader.purge("default", ["a"])) is ReadOnly
        assert self.same(refuse, reader.cursors([Cursor("a", 1, START)])) is ReadOnly
        assert self.same(refuse, reader.open_session(a_session(1))) is ReadOnly
        assert self.same(refuse, reader.close_session("default", "s", START)) is ReadOnly

    @invariant()
    def the_log_is_as_long(self):
        self.same(self.model.head, self.store.head())


def effective(row, events):
    """Return those of the events that change the row, one after another, as the journal would record them."""
    kept = []
    for event in events:
        try:
            after = apply(row, event)
        except InvalidTransition:
            continue
        if after is not row:
            kept.append(event)
        row = after
    return kept


def refuse():
    """Answer what may only be read."""
    raise ReadOnly


@pytest.mark.parametrize("name", JOB_STORES)
@pytest.mark.timeout(3_600)
def test_a_job_store_answers_as_the_model_does(name):
    machine = type(f"{name}_machine", (JobStoreMachine,), {"adapter": JOB_STORES[name], "compared": 0})
    run_state_machine_as_test(machine, settings=effort(quick=12, ci=150, soak=5_000))
    assert machine.compared > 0
    record(
        "Every adapter answers as its port's reference model does",
        f"job store {name}: {machine.compared:,} answers compared, 0 differ",
        adapter=f"job store: {name}",
        compared=machine.compared,
        differ=0,
    )
