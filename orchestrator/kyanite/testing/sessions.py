"""The contract of job stores where they keep sessions, as a suite: subclass it, give it stores, and pytest runs it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Cancelled, Failed
from kyanite.core.job import ErrorData, JobDetails, Status
from kyanite.core.session import JobFailurePolicy, Session, Tally
from kyanite.ports import JobQuery, JobStore, SessionQuery, Write, sort_key
from kyanite.testing.stores import START, a_job, a_session, write


async def _born(store: JobStore, jobs: Sequence[JobDetails]) -> list[JobDetails]:
    """Submit jobs in one commit."""
    writes = [write(None, birth=job) for job in jobs]
    assert None not in await store.commit(writes)
    return [each.details for each in writes]


def _at(change: Write, time: datetime) -> Write:
    """Have a change that begins or ends a job happen at this time."""
    details, (event,) = change.details, change.events
    named = ("begin_execution_time", "end_execution_time", "cancellation_time")
    moved = {name: time for name in named if getattr(details, name) is not None}
    return replace(change, details=replace(details, updated_time=time, **moved), events=(replace(event, time=time),))


class SessionContract:
    """What every job store does with sessions. `opened` gives a context manager of an empty, open store."""

    def opened(self) -> AbstractAsyncContextManager[JobStore]:
        """Return an open, empty store; a second call in one test opens what the first has left, if it persists."""
        raise NotImplementedError

    persists = True
    """Whether a store that is closed and opened again has what it had."""

    async def test_a_session_is_opened_and_closed_once(self) -> None:
        """The first call decides, of either kind; another workspace has ids of its own."""
        async with self.opened() as store:
            session = a_session(
                1,
                target="acme.echo",
                provider_spelt="ACME",
                job_failure_policy=JobFailurePolicy.CONTINUE,
                priority=3,
                tags=("a", "é"),
            )
            assert await store.open_session(session) == session
            assert await store.open_session(replace(session, name="second", creation_time=START)) == session
            elsewhere = replace(session, workspace="other", name="third")
            assert await store.open_session(elsewhere) == elsewhere
            assert await store.session("default", session.id) == session
            closed = replace(session, closed_time=START + timedelta(hours=1, microseconds=1))
            assert (
                await store.close_session("default", session.id, START + timedelta(hours=1, microseconds=1)) == closed
            )
            assert await store.close_session("default", session.id, START + timedelta(hours=2)) == closed
            assert await store.open_session(session) == await store.session("default", session.id) == closed
            assert await store.session("other", session.id) == elsewhere
            assert await store.session("default", "nobody") is None
            assert await store.close_session("default", "nobody", START) is None
            assert await store.page_sessions(SessionQuery()) == [closed]

    @pytest.mark.parametrize("descending", [False, True])
    async def test_pages_go_through_all_sessions(self, descending: bool) -> None:  # noqa: FBT001
        """Keyset paging shows every session once, in the order in which they were opened."""
        async with self.opened() as store:
            times = [START + timedelta(seconds=number % 4) for number in range(12)]
            for number, time in enumerate(times):
                await store.open_session(a_session(number, creation_time=time))
            query = SessionQuery(descending=descending, limit=5)
            seen: list[Session] = []
            while page := await store.page_sessions(query):
                seen += page
                query = replace(query, after=sort_key(page[-1], "creation_time"))
            keys = [sort_key(session, "creation_time") for session in seen]
            assert len(set(keys)) == len(times)
            assert keys == sorted(keys, reverse=descending)

    async def test_filters_of_sessions(self) -> None:
        """Each filter alone, and two together."""
        async with self.opened() as store:
            for session in (
                a_session(1, name="alpha 1", target="acme.echo"),
                a_session(2, name="alpha 2", provider_id="other", target="other.echo"),
                a_session(3, name="beta%_"),
                a_session(4, name="alpha 3", workspace="elsewhere"),
            ):
                await store.open_session(session)

            async def names(**filters: object) -> list[str]:
                return [session.name for session in await store.page_sessions(replace(SessionQuery(), **filters))]

            assert await names() == ["alpha 1", "alpha 2", "beta%_"]
            assert await names(workspace="elsewhere") == ["alpha 3"]
            assert await names(target=("acme.echo", "nothing")) == ["alpha 1"]
            assert await names(provider_id=("other",)) == ["alpha 2"]
            assert await names(name_prefix="alpha") == ["alpha 1", "alpha 2"]
            assert await names(name_prefix="%") == []
            assert await names(created_after=START + timedelta(seconds=2)) == ["alpha 2", "beta%_"]
            assert await names(created_before=START + timedelta(seconds=2)) == ["alpha 1", "alpha 2"]
            assert await names(name_prefix="alpha", provider_id=("acme",)) == ["alpha 1"]

    async def test_jobs_are_found_by_their_session(self) -> None:
        """Those of one, those of none, and, unasked, all; a session of another workspace is another one."""
        async with self.opened() as store:
            rows = await _born(
                store,
                [
                    a_job(1, session_id="s", tags=("red",)),
                    a_job(2),
                    a_job(3, session_id="t"),
                    a_job(4, session_id="s"),
                    a_job(5, workspace="other", session_id="s"),
                ],
            )
            await store.commit([write(rows[0], Began(attempt=1)), write(rows[3], Amended(name="renamed", tags=("x",)))])

            async def ids(**filters: object) -> list[str]:
                query = replace(JobQuery(), **filters)
                found = [row.id for row in await store.page(query)]
                assert sum((await store.count(query)).values()) == len(found)
                return found

            assert len(await ids()) == 4
            assert await ids(session_id="s") == ["job00001", "job00004"]
            assert await ids(session_id="s", descending=True, order="name") == ["job00004", "job00001"]
            assert await ids(session_id="s", status=(Status.EXECUTING,), tag="red") == ["job00001"]
            assert await ids(session_id="") == ["job00002"]
            assert await ids(session_id="nobody") == []
            assert await ids(session_id="s", workspace="other") == ["job00005"]
            assert await store.count(JobQuery(session_id="s"), "status") == {"Executing": 1, "Waiting": 1}

    async def test_a_tally_tells_how_the_jobs_of_sessions_stand(self) -> None:
        """By status, with the first begin and the last end, to the microsecond; purged jobs no longer count."""
        async with self.opened() as store:
            jobs = [a_job(n, session_id="s" if n < 5 else "t") for n in range(6)]
            rows = await _born(store, [*jobs, a_job(7), a_job(8, workspace="other", session_id="s")])
            failure = Failed(error=ErrorData("Wrong", "it went wrong"))
            times = (START, START + timedelta(microseconds=1), START + timedelta(seconds=1))
            changed = [
                _at(write(rows[0], Began(attempt=1)), times[2]),
                _at(write(rows[1], Began(attempt=1)), times[1]),
                _at(write(rows[2], failure), times[0]),
                _at(write(rows[3], Cancelled()), times[2]),
                _at(write(rows[7], failure), times[2]),
            ]
            assert None not in await store.commit(changed)
            counts = {"Executing": 2, "Failed": 1, "Cancelled": 1, "Waiting": 1}
            tallies = await store.tally_sessions("default", ["s", "t", "nobody", ""])
            assert tallies == {"s": Tally(counts, times[1], times[2]), "t": Tally({"Waiting": 1})}
            assert await store.tally_sessions("other", ["s"]) == {"s": Tally({"Failed": 1}, None, times[2])}
            assert await store.tally_sessions("default", []) == {}
            assert len(await store.purge("default", [rows[2].id, rows[3].id])) == 2
            left = {"Executing": 2, "Waiting": 1}
            assert await store.tally_sessions("default", ["s"]) == {"s": Tally(left, times[1], None)}
            assert await store.count(JobQuery(session_id="s")) == {"": 3}

    async def test_sessions_are_there_after_reopening(self) -> None:
        """So are the jobs that are theirs."""
        if not self.persists:
            pytest.skip("this store keeps nothing")
        async with self.opened() as store:
            session = await store.open_session(a_session(1))
            assert await store.commit([write(None, birth=a_job(1, session_id=session.id))]) == [1]
        async with self.opened() as store:
            assert await store.page_sessions(SessionQuery()) == [session]
            assert await store.tally_sessions("default", [session.id]) == {session.id: Tally({"Waiting": 1})}
