"""The audit: silent on whatever the runtime leaves, and never on a breach, wherever in store and log it lies."""

import sqlite3
import sys
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import timedelta

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.keys import key_of
from kyanite.blobs.memory import MemoryBlobs
from kyanite.core.events import Amended, Began, Cancelled, CancelRequested, RetryScheduled
from kyanite.core.job import ErrorData, Status
from kyanite.core.lifecycle import fold
from kyanite.errors import BlobCorrupt, StoreUnavailable
from kyanite.runtime import audit
from kyanite.runtime.audit import Audit
from kyanite.stores.memory import MemoryStore
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.stores import START, a_job, success, write
from tests.runtime.places import in_memory, with_echo

ID = "job00001"


async def found(store, blobs=None, **options):
    """What an audit finds, and what it has counted."""
    examined = Audit(store, blobs, **options)
    return [breach async for breach in examined.breaches()], examined.tally


async def kinds(store, blobs=None, **options):
    breaches, _ = await found(store, blobs, **options)
    return [(breach.kind, breach.job_id) for breach in breaches]


async def three_jobs(store=None):
    """A store with three ended jobs, the second of which tests tamper with."""
    store = store or MemoryStore()
    for number in range(3):
        await store.commit([write(None, Began(attempt=1), success(), birth=a_job(number))])
    return store


def replace_events(store, change):
    """Put `change(events)` in place of the second job's events, in its story and in the log."""
    story = store._stories["default", ID]
    changed = change(list(story))
    at = store._log.index(story[0])
    store._log[at : at + len(story)] = changed
    story[:] = changed


# What is sound ------------------------------------------------------------------------------------------------------


async def test_what_a_workspace_leaves_is_sound():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs)) as workspace:
        jobs = [await workspace.submit("acme.echo", b"x" * number, job_id=f"job{number}") for number in range(20)]
        for job in jobs:
            await job.wait(10)
        await jobs[0].amend(name="renamed", tags=["late"])
        await workspace.delete_job(jobs[1])
        breaches, tally = await found(store, blobs, read_blobs=True)
    assert breaches == []
    assert (tally.jobs, tally.purged, tally.blobs, tally.breaches) == (19, 1, 38, 0)
    assert tally.events == tally.events_total == 61


async def test_an_empty_store_is_sound():
    assert await found(MemoryStore(), MemoryBlobs()) == ([], audit.Tally())


STEPS = (
    Began(attempt=1),
    CancelRequested(),
    RetryScheduled(error=ErrorData("Busy", "later"), not_before=START),
    Amended(name="another"),
    success(),
    Cancelled(),
)


async def lived(steps):
    """A store in which these (job, event or None for a birth) happened, as far as they were allowed to."""
    store = MemoryStore()
    for number, event in steps:
        row = await store.get("default", f"job{number:05d}")
        if row is None:
            # Creation times run against the log, so that rows and log meet late.
            await store.commit([write(None, birth=a_job(number, creation_time=START - timedelta(seconds=number)))])
        elif event is None:
            await store.purge("default", [row.id])
        elif not isinstance(event, RetryScheduled | Began) or (row.driving is isinstance(event, RetryScheduled)):
            if row.status is Status.WAITING and event is STEPS[4]:
                continue
            change = write(row, event)
            if change.details.version == row.version + 1:
                await store.commit([change])
    return store


lives = st.lists(
    st.tuples(st.integers(0, 12), st.one_of(st.sampled_from(STEPS), st.sampled_from([STEPS[0], None]))),
    min_size=1,
    max_size=120,
)


@contextmanager
def small_pages():
    """Pages and windows of a few, so that jobs cross all their borders."""
    with pytest.MonkeyPatch.context() as patched:
        for name, size in (
            ("log.PAGE", 7),
            ("audit.EVENTS_OPEN_MAX", 9),
            ("audit.STORY_PAGE", 2),
            ("listing.PAGE", 3),
            ("listing.ROWS_MAX", 5),
            ("references.PAGE", 3),
            ("references.LOOKUPS", 2),
        ):
            patched.setattr(f"kyanite.runtime.audit.{name}", size)
        yield


@given(steps=lives)
async def test_any_history_is_sound(steps):
    store = await lived(steps)
    with small_pages():
        breaches, tally = await found(store)
    assert breaches == []
    assert tally.jobs == len(store._rows)
    assert tally.purged == len(store._buried)
    assert tally.events == len(store._log)


TAMPERINGS = {
    "row": lambda store, address: store._rows.update({address: replace(store._rows[address], name="tampered")}),
    "row is gone": lambda store, address: store._rows.pop(address),
    "row is old": lambda store, address: store._rows.update({address: fold(store._stories[address][:-1])}),
    "first event is gone": lambda store, address: unlog(store, address, 0),
    "last event is gone": lambda store, address: unlog(store, address, -1),
    "log is gone": lambda store, address: [unlog(store, address, 0) for _ in list(store._stories[address])],
}


def unlog(store, address, place):
    """Remove an event so that positions stay without a gap, which would give it away."""
    event = store._stories[address].pop(place)
    store._log.remove(event)
    store._log[:] = [replace(event, position=position) for position, event in enumerate(store._log, 1)]
    stories = {}
    for event in store._log:
        stories.setdefault((event.workspace, event.job_id), []).append(event)
    store._stories = stories | ({} if address in stories else {address: []})


@given(steps=lives, choice=st.data())
async def test_any_tampering_with_any_job_is_found_and_nothing_else(steps, choice):
    store = await lived([(0, None), *steps, (0, STEPS[3])])
    address = choice.draw(st.sampled_from(sorted(store._rows) or [None]), "job")
    name = choice.draw(st.sampled_from(sorted(TAMPERINGS)), "tampering")
    if address is None or (name == "row is old" and len(store._stories[address]) == 1):
        return
    TAMPERINGS[name](store, address)
    with small_pages():
        breaches, _ = await found(store)
    assert {breach.job_id for breach in breaches} == {address[1]}


# What is not --------------------------------------------------------------------------------------------------------


async def test_a_row_that_differs_is_told_field_by_field():
    store = await three_jobs()
    store._rows["default", ID] = replace(store._rows["default", ID], status=Status.FAILED, attempt=7)
    (breach,), tally = await found(store)
    assert (breach.kind, breach.workspace, breach.job_id) == ("row-differs", "default", ID)
    assert breach.text == "status is Failed, by the log Succeeded; attempt is 7, by the log 1"
    assert (tally.jobs, tally.breaches) == (3, 1)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda events: [events[0], *events[2:]], "log-broken", "version 2 is missing"),
        (lambda events: events[1:], "log-broken", "version 1 is missing"),
        (
            lambda events: [*events[:2], replace(events[2], time=events[1].time - timedelta(seconds=3))],
            "times-decrease",
            "Succeeded (version 3 of job job00001, position 6) is 3 s too early",
        ),
        (
            lambda events: [*events, replace(events[1], version=4, time=events[2].time)],
            "event-after-final",
            "Began (version 4 of job job00001, position 5) follows Succeeded",
        ),
        (
            lambda events: [*events[:2], replace(events[1], version=3, time=events[2].time)],
            "log-broken",
            "Began can not follow",
        ),
        (lambda events: [replace(events[0], job_id="job00002"), *events[1:]], "log-broken", "version 1 is missing"),
    ],
    ids=["version", "first version", "time", "after final", "transition", "another job's"],
)
async def test_a_log_that_can_not_be_is_told(change, kind, words):
    store = await three_jobs()
    replace_events(store, change)
    breaches, _ = await found(store)
    of_the_job = [breach for breach in breaches if breach.job_id == ID]
    assert kind in {breach.kind for breach in of_the_job}
    assert words in " ".join(breach.text for breach in of_the_job)
    assert {breach.job_id for breach in breaches} <= {ID, "", "job00002"}


async def test_positions_that_are_missing_are_told_also_at_the_end():
    store = await three_jobs()
    store._log[4:6] = []
    store._log.pop()
    store.head = lambda: answer(9)
    gaps = [breach for breach in (await found(store))[0] if breach.kind == "position-missing"]
    assert [(gap.position, gap.text) for gap in gaps] == [
        (5, "it and all up to 6 are missing from the log"),
        (9, "it is missing from the log"),
    ]


async def answer(value):
    return value


async def test_workspaces_are_found_in_the_log_and_those_asked_for_beside_it():
    store = MemoryStore()
    await store.commit([write(None, birth=a_job(1, workspace="other"))])
    assert (await found(store))[1].jobs == 1
    store._rows["third", ID] = a_job(1, workspace="third", version=1)
    assert await kinds(store) == []
    assert await kinds(store, workspaces=["third"]) == [("log-missing", ID)]


async def test_a_store_that_is_out_ends_the_audit():
    class Out(MemoryStore):
        async def page(self, query):
            raise StoreUnavailable("no answer")

    with pytest.raises(StoreUnavailable, match="no answer"):
        await found(await three_jobs(Out()))


async def test_it_stops_after_so_many_breaches(monkeypatch):
    store = await three_jobs()
    for address, row in store._rows.items():
        store._rows[address] = replace(row, name="tampered")
    monkeypatch.setattr(audit.audit, "BREACHES_MAX", 2)
    breaches, tally = await found(store)
    assert len(breaches) == tally.breaches == 2


# In a file ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def reopened(path):
    store = SQLiteStore(path)
    await store.open(read_only=True)
    try:
        yield store
    finally:
        await store.aclose()


async def tampered(tmp_path, *statements):
    """The findings in a file with three jobs on which these statements were run."""
    path = tmp_path / "jobs.sqlite"
    store = SQLiteStore(path)
    await store.open()
    await three_jobs(store)
    await store.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    async with reopened(path) as store:
        return [(breach.kind, breach.job_id, breach.position) for breach in (await found(store))[0]]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE jobs SET body = replace(body, 'job 1', 'job 2') WHERE id = '{ID}'", [("row-differs", ID, 0)]),
        (
            f"UPDATE jobs SET body = replace(body, 'Succeeded', 'Failed') WHERE id = '{ID}'",
            [("row-differs", ID, 0), ("row-misfiled", ID, 0)],
        ),
        (f"UPDATE jobs SET body = '{{' WHERE id = '{ID}'", [("unreadable", ID, 0), ("unreadable", "", 0)]),
        (
            f"UPDATE jobs SET body = CAST(x'ff' AS TEXT) WHERE id = '{ID}'",
            [("unreadable", ID, 0), ("unreadable", "", 0)],
        ),
        (f"UPDATE jobs SET status = 'Failed' WHERE id = '{ID}'", [("row-misfiled", ID, 0)]),
        (f"UPDATE jobs SET target = 'acme.other' WHERE id = '{ID}'", [("row-misfiled", ID, 0)]),
        (f"DELETE FROM jobs WHERE id = '{ID}'", [("row-missing", ID, 0)]),
        ("UPDATE events SET body = '?' WHERE position = 5", [("unreadable", "", 5), ("unreadable", ID, 0)]),
        ("UPDATE events SET body = '?' WHERE position = 4", [("unreadable", "", 4), ("unreadable", ID, 0)]),
        (
            "UPDATE events SET body = CAST(x'ff' AS TEXT) WHERE position = 6",
            [("unreadable", "", 6), ("unreadable", ID, 0)],
        ),
        ("DELETE FROM events WHERE position = 5", [("position-missing", "", 5), ("log-broken", ID, 0)]),
        ("DELETE FROM events WHERE job = 4", [("position-missing", "", 4), ("log-missing", ID, 0)]),
        ("UPDATE owner SET position = 11", [("position-missing", "", 10)]),
        (
            f"""INSERT INTO jobs SELECT 99, workspace, 'intruder', version, status, target, provider_id, name, created,
            rank, NULL, replace(body, '{ID}', 'intruder') FROM jobs WHERE id = '{ID}'""",
            [("log-missing", "intruder", 0)],
        ),
    ],
)
async def test_what_was_done_to_the_file_is_found(tmp_path, statement, expected):
    assert sorted(await tampered(tmp_path, statement)) == sorted(expected)


async def test_a_row_under_a_wrong_status_is_found_even_if_the_numbers_agree(tmp_path):
    breaches = await tampered(
        tmp_path,
        f"UPDATE jobs SET status = 'Failed' WHERE id = '{ID}'",
        "UPDATE jobs SET body = replace(body, 'Succeeded', 'Failed') WHERE id = 'job00002'",
    )
    assert sorted(breaches) == [
        ("row-differs", "job00002", 0),
        ("row-misfiled", ID, 0),
        ("row-misfiled", "job00002", 0),
    ]


async def test_many_unreadable_events_are_each_found(tmp_path):
    with small_pages():
        breaches = await tampered(tmp_path, "UPDATE events SET body = '?' WHERE position IN (2, 3, 7, 9)")
    assert [position for kind, job, position in breaches if not job] == [2, 3, 7, 9]
    assert {job for _, job, _ in breaches if job} == {"job00000", "job00002"}


# Blobs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [False, True])
async def test_blobs_that_are_missing_or_not_what_the_row_says_are_told(tmp_path, read):
    store, blobs = MemoryStore(), FileBlobs(tmp_path)
    async with with_echo(in_memory(store, blobs)) as workspace:
        for number, size in enumerate([10, 10, 10, 10, 100_000, 100_000, 100_000]):
            await (await workspace.submit("acme.echo", b"x" * size, job_id=f"job{number}")).wait(10)
    rows = [store._rows["default", f"job{number}"] for number in range(7)]
    store._rows["default", "job3"] = replace(rows[3], output_size=11)
    await blobs.open()
    await blobs.delete([key_of(rows[1].input_data_uri), key_of(rows[2].output_data_uri)])
    await blobs.put(key_of(rows[2].output_data_uri), b"another ten bytes")
    files = [tmp_path / "objects" / "3" / key_of(row.output_data_uri) for row in rows]
    files[4].unlink()
    files[5].write_bytes(b"y" * 100_000)
    files[6].write_bytes(b"y")
    await blobs.aclose()
    await blobs.open(read_only=True)
    breaches, tally = await found(store, blobs, read_blobs=read)
    await blobs.aclose()
    expected = {
        ("blob-missing", "job1"),
        ("blob-differs", "job2"),
        ("blob-differs", "job3"),
        ("row-differs", "job3"),
        ("blob-differs", "job4"),
        ("blob-differs", "job6"),
    }
    assert {(breach.kind, breach.job_id) for breach in breaches} == expected | (
        {("blob-differs", "job5")} if read else set()
    )
    assert tally.blobs == 14
    assert f"the input {rows[1].input_data_uri} is not there" in {breach.text for breach in breaches}


async def with_blobs(blobs):
    """A store whose three jobs have their blobs in `blobs`."""
    store = MemoryStore()
    async with with_echo(in_memory(store, blobs)) as workspace:
        for number in range(3):
            await (await workspace.submit("acme.echo", b"x", job_id=f"job{number}")).wait(10)
    await blobs.open()
    return store


async def test_uris_that_can_be_no_blob_of_ours_are_missing_and_others_are_somebody_elses():
    blobs = MemoryBlobs()
    store = await with_blobs(blobs)
    for number, uri in enumerate(["kyanite:///default/../output", "https://elsewhere/output"]):
        address = ("default", f"job{number}")
        ending = store._stories[address][-1]
        store._stories[address][-1] = replace(ending, output_data_uri=uri)
        store._log[ending.position - 1] = replace(ending, output_data_uri=uri)
        store._rows[address] = replace(store._rows[address], output_data_uri=uri)
    assert await kinds(store, blobs) == [("blob-missing", "job0")]


@pytest.mark.parametrize("error", [BlobCorrupt("half a page"), StoreUnavailable("no answer")])
async def test_a_page_of_blobs_that_can_not_be_read_is_no_breach(error):
    class Damaged(MemoryBlobs):
        async def page(self, *_):
            raise error

    store = await with_blobs(blobs := Damaged())
    with small_pages():
        if isinstance(error, BlobCorrupt):
            assert await kinds(store, blobs) == []
        else:
            with pytest.raises(StoreUnavailable):
                await found(store, blobs)


async def test_a_blob_store_that_is_out_ends_the_audit_with_its_own_error():
    class Out(MemoryBlobs):
        async def stat(self, key):
            raise StoreUnavailable("no answer")

    store = await with_blobs(blobs := Out())
    with pytest.raises(StoreUnavailable, match="no answer"):
        await found(store, blobs)


async def test_a_blob_of_a_job_that_is_purged_meanwhile_is_not_missed():
    store, blobs = MemoryStore(), MemoryBlobs()
    async with with_echo(in_memory(store, blobs)) as workspace:
        job = await (await workspace.submit("acme.echo", b"x")).wait(10)

        class Late(MemoryBlobs):
            async def stat(self, key):
                if await store.get("default", job.id):
                    await workspace.delete_job(job)
                return await blobs.stat(key)

        assert await kinds(store, Late()) == []
        assert await store.buried("default", [job.id]) == {job.id}


# Beside a running owner -----------------------------------------------------------------------------------------------


async def test_a_job_that_changes_while_it_is_read_is_not_reported():
    class Changing(MemoryStore):
        """Commits an amendment behind every read of a row, a few times."""

        async def get(self, workspace, job_id):
            row = await super().get(workspace, job_id)
            if row.version < 9:
                await self.commit([write(row, Amended(name=f"name {row.version}"))])
            return row

        async def page(self, query):
            rows = await super().page(query)
            for row in rows:
                await self.commit([write(row, Amended(name="changed"))])
            return rows

    store = await three_jobs(Changing())
    breaches, tally = await found(store)
    assert breaches == []
    assert tally.jobs == 3


BUSY = """
import sys

import anyio

from kyanite import RetryableError, Workspace

async def main():
    async with Workspace.open(sys.argv[1], data_dir=sys.argv[2]) as workspace:

        @workspace.target("acme.echo", slots=8)
        async def echo(task):
            if task.details.attempt == 1:
                raise RetryableError("Busy", "again")
            await task.write_output(await task.read_input())

        async def client():
            while True:
                job = await workspace.submit("acme.echo", b"x", attempts_max=2)
                await job.cancel() if job.id.endswith("0") else await job.amend(name="amended")
                await workspace.delete_job(job) if (await job.wait()).id.endswith("1") else None
                print(flush=True)

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(client)

anyio.run(main)
"""


async def test_a_store_that_another_process_works_in_is_sound_at_every_moment(tmp_path):
    config = tmp_path / "kyanite.toml"
    config.write_text("[retry]\nfirst_s = 0.01\n")
    examined = []
    async with await anyio.open_process([sys.executable, "-c", BUSY, str(config), str(tmp_path)]) as owner:
        try:
            lines = BufferedByteReceiveStream(owner.stdout)
            for _ in range(12):
                for _ in range(8):
                    await lines.receive_until(b"\n", 100)
                async with reopened(tmp_path / "jobs.sqlite") as store:
                    blobs = FileBlobs(tmp_path / "blobs")
                    await blobs.open(read_only=True)
                    breaches, tally = await found(store, blobs)
                    await blobs.aclose()
                assert breaches == []
                examined.append(tally.jobs)
        finally:
            owner.kill()
    assert examined[-1] > examined[0] > 0
