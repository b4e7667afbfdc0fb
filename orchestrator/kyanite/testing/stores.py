"""The contract of job stores, as a suite: subclass it, give it stores, and pytest runs it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from msgspec.structs import replace

from kyanite.core.events import Amended, Began, Cancelled, Event, Submitted, Succeeded
from kyanite.core.job import JobDetails, Status
from kyanite.core.lifecycle import apply, fold
from kyanite.core.session import Session
from kyanite.ports import ORDERS, Cursor, JobQuery, JobStore, Write, sort_key

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_job(number: int, **fields: object) -> JobDetails:
    """Return the row of a job as it is handed in at submit; jobs are created a second apart."""
    workspace, job_id = str(fields.get("workspace", "default")), str(fields.get("id", f"job{number:05d}"))
    container = f"kyanite:///{workspace}/job-{job_id}"
    details = JobDetails(
        id=job_id,
        name=f"job {number}",
        provider_id="acme",
        target="acme.echo",
        container_uri=container,
        input_data_uri=f"{container}/inputData",
        creation_time=START + timedelta(seconds=number),
        rank=float(number),
    )
    return replace(details, **fields)


def a_session(number: int, **fields: object) -> Session:
    """Return a session as it is handed in when it is opened; they are opened a second apart."""
    session = Session(
        id=f"session{number}",
        name=f"session {number}",
        provider_id="acme",
        creation_time=START + timedelta(seconds=number),
    )
    return replace(session, **fields)


def write(details: JobDetails | None, *events: Event, birth: JobDetails | None = None) -> Write:
    """Return the write that records events for a job, or, with `birth`, that submits it and then records them."""
    row = details
    stamped: list[Event] = []
    for event in ([Submitted(details=birth)] if birth is not None else []) + list(events):
        owner = row or birth
        assert owner is not None
        version = row.version + 1 if row else 1
        stamped.append(
            replace(
                event,
                workspace=owner.workspace,
                job_id=owner.id,
                version=version,
                time=START + timedelta(hours=1, seconds=version),
                event_id=f"{owner.id}-{version}",
            )
        )
        row = apply(row, stamped[-1])
    assert row is not None
    return Write(row, details.version if details else 0, tuple(stamped))


def success(number: int = 0) -> Succeeded:
    """Return a final event."""
    return Succeeded(output_data_uri=f"kyanite:///default/job-x/outputData-{number}", output_hash="00", output_size=1)


class StoreContract:
    """What every job store does. `opened` gives a context manager of an empty, open store.

    What it does with sessions is in `kyanite.testing.sessions`.
    """

    def opened(self) -> AbstractAsyncContextManager[JobStore]:
        """Return an open, empty store; a second call in one test opens what the first has left, if it persists."""
        raise NotImplementedError

    persists = True
    """Whether a store that is closed and opened again has what it had."""

    async def fill(self, store: JobStore, jobs: Sequence[JobDetails]) -> list[JobDetails]:
        """Submit jobs in one commit."""
        writes = [write(None, birth=job) for job in jobs]
        assert None not in await store.commit(writes)
        return [each.details for each in writes]

    async def test_a_row_and_its_story_come_back(self) -> None:
        """What was committed is what is read."""
        async with self.opened() as store:
            (row,) = await self.fill(
                store, [a_job(1, tags=("a", "b"), metadata={"k": [1, None]}, input_params={"x": 1.5})]
            )
            began = write(row, Began(attempt=1))
            assert await store.commit([began]) == [2]
            assert await store.get("default", row.id) == began.details
            story = await store.events(0, 10, ("default", row.id))
            assert [(event.position, event.version) for event in story] == [(1, 1), (2, 2)]
            assert fold(story) == began.details
            assert await store.get("default", "nobody") is None
            assert await store.get("other", row.id) is None

    async def test_positions_have_no_gaps_and_follow_the_order_of_the_writes(self) -> None:
        """Neither a refused write nor several events in one write leave a gap."""
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(n) for n in range(4)])
            stale = replace(write(rows[1], Began(attempt=1)), expected_version=7)
            batch = [write(rows[0], Began(attempt=1), success()), stale, write(rows[2], Cancelled())]
            assert await store.commit(batch) == [5, None, 7]
            assert await store.head() == 7
            log = await store.events(0, 100)
            assert [event.position for event in log] == [1, 2, 3, 4, 5, 6, 7]
            assert [event.job_id for event in log[4:]] == [rows[0].id, rows[0].id, rows[2].id]
            assert await store.get("default", rows[1].id) == rows[1]
            assert len(await store.events(0, 10, ("default", rows[1].id))) == 1

    async def test_a_submit_of_a_taken_id_is_refused(self) -> None:
        """The id of a workspace's job is free in another workspace."""
        async with self.opened() as store:
            await self.fill(store, [a_job(1)])
            elsewhere = write(None, birth=a_job(1, workspace="other"))
            assert await store.commit([write(None, birth=a_job(1, name="second")), elsewhere]) == [None, 2]
            first = await store.get("default", "job00001")
            assert first is not None
            assert first.name == "job 1"

    async def test_the_same_change_twice_takes_effect_once(self) -> None:
        """A repeated write, as after a lost answer, is refused."""
        async with self.opened() as store:
            (row,) = await self.fill(store, [a_job(1)])
            change = write(row, Began(attempt=1))
            assert await store.commit([change]) == [2]
            assert await store.commit([change]) == [None]
            assert await store.head() == 2

    async def test_a_large_batch_is_one_commit(self) -> None:
        """Batches of any size are taken, and each job finds its own events."""
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(n) for n in range(1_237)])
            positions = await store.commit([write(row, Began(attempt=1)) for row in rows])
            assert positions == list(range(1_238, 2_475))
            for row in rows[::400]:
                assert [event.version for event in await store.events(0, 9, ("default", row.id))] == [1, 2]

    async def test_the_log_is_read_in_pages(self) -> None:
        """A page begins after the position, and is as long as asked for."""
        async with self.opened() as store:
            await self.fill(store, [a_job(n) for n in range(10)])
            assert [event.position for event in await store.events(3, 4)] == [4, 5, 6, 7]
            assert await store.events(10, 4) == []
            assert [event.version for event in await store.events(1, 4, ("default", "job00001"))] == []

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("order", ORDERS)
    async def test_pages_go_through_all_jobs_in_order(self, order: str, descending: bool) -> None:  # noqa: FBT001
        """Keyset paging shows every job once, sorted, whatever ties there are."""
        async with self.opened() as store:
            jobs = [
                a_job(
                    n,
                    name=f"n{n % 3}",
                    target=f"acme.t{n % 2}",
                    provider_id=f"p{n % 4}",
                    rank=float(n % 5),
                    creation_time=START + timedelta(seconds=n % 7),
                )
                for n in range(40)
            ]
            rows = await self.fill(store, jobs)
            await store.commit([write(row, Began(attempt=1)) for row in rows[::3]])
            query = JobQuery(order=order, descending=descending, limit=7)
            seen: list[JobDetails] = []
            while page := await store.page(query):
                seen += page
                query = replace(query, after=sort_key(page[-1], order))
            keys = [sort_key(row, order) for row in seen]
            assert len(seen) == len(jobs)
            assert keys == sorted(keys, reverse=descending)

    async def test_filters(self) -> None:
        """Each filter alone, and all together."""
        async with self.opened() as store:
            rows = await self.fill(
                store,
                [
                    a_job(1, name="alpha 1", tags=("red", "blue")),
                    a_job(2, name="alpha 2", target="acme.sort"),
                    a_job(3, name="beta%_", provider_id="other", tags=("red",)),
                    a_job(4, workspace="elsewhere", name="alpha 3", tags=("red",)),
                ],
            )
            await store.commit([write(rows[1], Began(attempt=1)), write(rows[2], Cancelled())])

            async def names(**filters: object) -> list[str]:
                query = replace(JobQuery(), **filters)
                found = [row.name for row in await store.page(query)]
                assert sum((await store.count(query)).values()) == len(found)
                return found

            assert await names() == ["alpha 1", "alpha 2", "beta%_"]
            assert await names(workspace="elsewhere") == ["alpha 3"]
            assert await names(status=(Status.EXECUTING,)) == ["alpha 2"]
            assert await names(status=(Status.EXECUTING, Status.CANCELLED)) == ["alpha 2", "beta%_"]
            assert await names(target=("acme.sort", "nothing")) == ["alpha 2"]
            assert await names(provider_id=("other",)) == ["beta%_"]
            assert await names(name_prefix="alpha") == ["alpha 1", "alpha 2"]
            assert await names(name_prefix="beta%_") == ["beta%_"]
            assert await names(name_prefix="%") == []
            assert await names(id_prefix="job0000") == ["alpha 1", "alpha 2", "beta%_"]
            assert await names(id_prefix=rows[1].id) == ["alpha 2"]
            assert await names(id_prefix="ob") == []
            assert await names(tag="red") == ["alpha 1", "beta%_"]
            assert await names(tag="blue") == ["alpha 1"]
            assert await names(created_after=START + timedelta(seconds=2)) == ["alpha 2", "beta%_"]
            assert await names(created_before=START + timedelta(seconds=2)) == ["alpha 1", "alpha 2"]
            assert await names(tag="red", provider_id=("other",), status=(Status.CANCELLED,)) == ["beta%_"]

    async def test_counts_by_a_column(self) -> None:
        """Counting groups by the column's values."""
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(n, target=f"acme.t{n % 2}") for n in range(5)])
            await store.commit([write(rows[0], Cancelled())])
            assert await store.count(JobQuery(), "status") == {"Waiting": 4, "Cancelled": 1}
            assert await store.count(JobQuery(status=(Status.WAITING,)), "target") == {"acme.t0": 2, "acme.t1": 2}
            assert await store.count(JobQuery(workspace="empty"), "target") == {}

    async def test_workspaces_are_those_that_have_jobs(self) -> None:
        """Each name once, in order."""
        async with self.opened() as store:
            assert await store.workspaces() == []
            jobs = [a_job(number, workspace=name) for number, name in enumerate(("b", "a", "b", "c"))]
            await self.fill(store, jobs)
            assert await store.workspaces() == ["a", "b", "c"]

    async def test_amendments_are_found_under_the_new_labels(self) -> None:
        """Name, tags and rank follow an amendment."""
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(1, tags=("old", "both")), a_job(2)])
            change = write(rows[0], Amended(name="renamed", tags=("new", "both"), priority=5, rank=9.0))
            assert await store.commit([change]) == [3]
            assert [row.name for row in await store.page(JobQuery(name_prefix="ren"))] == ["renamed"]
            assert await store.page(JobQuery(tag="old")) == []
            assert len(await store.page(JobQuery(tag="new"))) == len(await store.page(JobQuery(tag="both"))) == 1
            assert [row.id for row in await store.page(JobQuery(order="rank"))] == ["job00002", "job00001"]

    async def test_cursors_are_kept_by_name(self) -> None:
        """Saving one leaves the others."""
        async with self.opened() as store:
            assert await store.cursors() == {}
            first, second = Cursor("a", 3, START), Cursor("b", 4, START)
            assert await store.cursors([first, second]) == {"a": first, "b": second}
            moved = Cursor("a", 9, START + timedelta(days=1))
            assert await store.cursors([moved]) == {"a": moved, "b": second}

    async def test_purging_leaves_a_tombstone_and_the_log(self) -> None:
        """Only ended jobs go; their ids stay refused, and their events stay readable."""
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(1, tags=("t",)), a_job(2)])
            ended = write(rows[0], Cancelled())
            await store.commit([ended])
            assert await store.purge("default", [rows[0].id, rows[1].id, "nobody"]) == [ended.details]
            assert await store.get("default", rows[0].id) is None
            assert await store.buried("default", [rows[0].id, rows[1].id, "nobody"]) == {rows[0].id}
            assert await store.buried("other", [rows[0].id]) == set()
            assert [row.id for row in await store.page(JobQuery())] == [rows[1].id]
            assert await store.page(JobQuery(tag="t")) == []
            assert (
                await store.commit([write(None, birth=a_job(1)), write(ended.details, Amended(name="x"))]) == [None] * 2
            )
            assert len(await store.events(0, 10)) == 3
            assert len(await store.events(0, 10, ("default", rows[0].id))) == 2
            (fresh,) = await self.fill(store, [a_job(3)])
            assert [event.job_id for event in await store.events(0, 9, ("default", fresh.id))] == [fresh.id]

    async def test_a_job_whose_blobs_another_refers_to_is_not_purged(self) -> None:
        """The borrower goes first."""
        async with self.opened() as store:
            lender = a_job(1)
            rows = await self.fill(store, [lender, a_job(2, input_data_uri=lender.input_data_uri), a_job(10)])
            await store.commit([write(row, Cancelled()) for row in rows])
            assert await store.purge("default", [rows[0].id]) == []
            assert [row.id for row in await store.purge("default", [rows[1].id, rows[0].id])] == [
                rows[1].id,
                rows[0].id,
            ]

    async def test_concurrent_commits_of_one_job_have_one_winner(self) -> None:
        """Compare-and-set decides, whoever comes first."""
        async with self.opened() as store:
            (row,) = await self.fill(store, [a_job(1)])
            results: list[int | None] = []

            async def cancel(attempt: int) -> None:
                results.extend(await store.commit([write(row, Began(attempt=attempt))]))

            async with anyio.create_task_group() as group:
                for attempt in range(20):
                    group.start_soon(cancel, attempt)
            assert sorted(result is None for result in results) == [False] + [True] * 19
            assert await store.head() == 2

    async def test_what_was_committed_is_there_after_reopening(self) -> None:
        """Rows, log, cursors and tombstones persist, and positions go on."""
        if not self.persists:
            pytest.skip("this store keeps nothing")
        async with self.opened() as store:
            rows = await self.fill(store, [a_job(1), a_job(2)])
            await store.commit([write(rows[0], Cancelled())])
            await store.cursors([Cursor("a", 3, START)])
            await store.purge("default", [rows[0].id])
        async with self.opened() as store:
            assert await store.get("default", rows[1].id) == rows[1]
            assert await store.head() == 3
            assert (await store.cursors())["a"].position == 3
            assert await store.commit([write(rows[1], Began(attempt=1)), write(None, birth=a_job(1))]) == [4, None]
