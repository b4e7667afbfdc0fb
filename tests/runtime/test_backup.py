"""A copy that is made while jobs come, run, end and are deleted is sound, and holds what was acknowledged before it."""

import errno
import sqlite3
from contextlib import asynccontextmanager, closing

import anyio
import pytest
from anyio import from_thread

from kyanite import Status, Workspace
from kyanite.config import BlobSettings, LimitSettings, Settings, StoreSettings
from kyanite.errors import ConfigError, InvalidRequest, JobNotFound, StorageFull
from kyanite.runtime import backup as backups
from kyanite.runtime.audit import Audit
from kyanite.runtime.backup import back_up
from kyanite.runtime.storage import blobs_of, store_of
from kyanite.stores import backup as databases
from tests.cli.places import with_targets

SMALL, LARGE = b"x" * 100, b"y" * 200_000
CLIENTS = 4
COPIES = 3


def settings(folder):
    return Settings(data_dir=str(folder), limits=LimitSettings(cores=4, memory_bytes=1 << 30, shutdown_grace_s=0.5))


def opened(folder, **options):
    return with_targets(Workspace.open(settings(folder), **options))


@asynccontextmanager
async def reading(folder):
    store, blobs = store_of(settings(folder)), blobs_of(settings(folder))
    await store.open(read_only=True)
    await blobs.open(read_only=True)
    try:
        yield store, blobs
    finally:
        await store.aclose()
        await blobs.aclose()


async def breaches(folder):
    async with reading(folder) as (store, blobs):
        return [breach async for breach in Audit(store, blobs, read_blobs=True).breaches()]


async def test_a_copy_under_load_is_sound_and_holds_what_was_acknowledged(tmp_path):
    acknowledged, deleted, busy = {}, set(), anyio.Event()

    async def client(number):
        for turn in range(10_000):
            job_id = f"{number}-{turn}"
            job = await workspace.submit("acme.echo", LARGE if turn % 5 == 0 else SMALL, job_id=job_id)
            acknowledged[job_id] = None
            if len(acknowledged) == 50:
                busy.set()
            if turn % 3 == 0:
                await job.wait()
                deleted.add(job_id)
                await workspace.delete_job(job)

    before = []
    async with opened(tmp_path / "data") as workspace, anyio.create_task_group() as clients:
        for number in range(CLIENTS):
            clients.start_soon(client, number)
        await busy.wait()
        for copy in range(COPIES):
            known = set(acknowledged)
            made = await back_up(settings(tmp_path / "data"), tmp_path / f"copy-{copy}")
            assert made.missing == []
            before.append(known - deleted)
        clients.cancel_scope.cancel()
    for copy, expected in enumerate(before):
        folder = tmp_path / f"copy-{copy}"
        assert await breaches(folder) == []
        async with opened(folder) as workspace:
            jobs = {job.id: job async for job in workspace.list_jobs()}
            assert len(expected) > 20
            assert expected - jobs.keys() == set()
            for job in jobs.values():
                assert (await job.wait()).details.status is Status.SUCCEEDED
        assert await breaches(folder) == []


async def test_a_job_that_is_deleted_meanwhile_is_deleted_from_the_copy(tmp_path, monkeypatch):
    async with opened(tmp_path / "data") as workspace:
        gone, stays = [await workspace.submit("acme.echo", LARGE, job_id=name) for name in ("gone", "stays")]
        shared = await workspace.submit("acme.echo", job_id="shares", input_data_uri=gone.details.input_data_uri)
        for job in (gone, stays, shared):
            await job.wait()
        copied = backups.copy_database

        def rows_first(source, copy, tick):
            copied(source, copy, tick)
            if source.name == "jobs.sqlite":
                for job in (shared, gone):
                    assert from_thread.run(workspace.delete_job, job)

        monkeypatch.setattr(backups, "copy_database", rows_first)
        made = await back_up(settings(tmp_path / "data"), tmp_path / "copy")
    assert (made.jobs, made.deleted, made.missing) == (1, 2, [])
    assert await breaches(tmp_path / "copy") == []
    async with opened(tmp_path / "copy", read_only=True) as workspace:
        assert await workspace.download((await workspace.get_job("stays")).details.input_data_uri) == LARGE
        with pytest.raises(JobNotFound):
            await workspace.get_job("gone")


async def test_a_job_that_ends_and_is_deleted_meanwhile_is_deleted_from_the_copy(tmp_path, monkeypatch):
    began, go_on = anyio.Event(), anyio.Event()
    async with opened(tmp_path / "data") as workspace:

        @workspace.target("acme.gated")
        async def gated(task):
            began.set()
            await go_on.wait()
            return "done"

        job = await workspace.submit("acme.gated", SMALL, tags=["t"])
        await began.wait()
        copied = backups.copy_database

        async def end_and_delete():
            go_on.set()
            assert await workspace.delete_job(await job.wait())

        def rows_first(source, copy, tick):
            copied(source, copy, tick)
            if source.name == "jobs.sqlite":
                from_thread.run(end_and_delete)

        monkeypatch.setattr(backups, "copy_database", rows_first)
        made = await back_up(settings(tmp_path / "data"), tmp_path / "copy")
    assert (made.jobs, made.blobs, made.deleted) == (0, 0, 1)
    assert await breaches(tmp_path / "copy") == []
    async with opened(tmp_path / "copy") as workspace:
        with pytest.raises(JobNotFound):
            await workspace.get_job(job.id)


async def test_a_file_that_is_deleted_while_files_are_copied_has_no_row_in_the_copy(tmp_path, monkeypatch):
    async with opened(tmp_path / "data") as workspace:
        job = await (await workspace.submit("acme.echo", LARGE)).wait()
        copied = backups.copy_files

        def files_last(root, copy, tick):
            assert from_thread.run(workspace.delete_job, job)
            return copied(root, copy, tick)

        monkeypatch.setattr(backups, "copy_files", files_last)
        made = await back_up(settings(tmp_path / "data"), tmp_path / "copy")
    assert (made.jobs, made.blobs, made.files, made.deleted, made.missing) == (0, 0, 0, 1, [])
    assert await breaches(tmp_path / "copy") == []


async def test_a_file_that_was_lost_before_is_named(tmp_path):
    async with opened(tmp_path / "data") as workspace:
        job = await (await workspace.submit("acme.echo", LARGE)).wait()
        await workspace.submit("acme.echo", SMALL)
        key = f"default/job-{job.id}/outputData"
        workspace.blobs.local_path(key).unlink()
        made = await back_up(settings(tmp_path / "data"), tmp_path / "copy")
    assert (made.jobs, made.files, made.missing) == (2, 1, [key])
    assert [breach.kind for breach in await breaches(tmp_path / "copy")] == ["blob-differs"]


def test_commits_between_two_steps_neither_show_nor_start_it_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "PAGES_A_STEP", 1)
    source, copy, ticks = tmp_path / "a.sqlite", tmp_path / "b.sqlite", []
    with closing(sqlite3.connect(source, isolation_level=None)) as writer:
        for statement in ("PRAGMA journal_mode = WAL", "CREATE TABLE t (n INTEGER, filler BLOB)"):
            writer.execute(statement)
        for number in range(20):
            writer.execute("INSERT INTO t VALUES (?, zeroblob(4096))", (number,))
        databases.copy_database(
            source, copy, lambda: ticks.append(writer.execute("INSERT INTO t VALUES (99, zeroblob(4096))"))
        )
        assert writer.execute("SELECT count(*) FROM t WHERE n = 99").fetchone() == (len(ticks),)
    with closing(sqlite3.connect(copy)) as reader:
        assert reader.execute("SELECT count(*), max(n) FROM t").fetchone() == (20, 19)
    assert 20 < len(ticks) < 60


async def test_where_something_is_nothing_is_written(tmp_path):
    async with opened(tmp_path / "data") as workspace:
        await workspace.submit("acme.echo", SMALL)
    (tmp_path / "copy").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("copy", "link"):
        with pytest.raises(InvalidRequest, match=f"{name} exists"):
            await back_up(settings(tmp_path / "data"), tmp_path / name)
    assert list((tmp_path / "copy").iterdir()) == []


async def test_without_space_or_cancelled_nothing_is_left(tmp_path, monkeypatch):
    async with opened(tmp_path / "data") as workspace:
        await workspace.submit("acme.echo", LARGE)

    def full(root, copy, tick):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def cancelled():
        with anyio.CancelScope() as scope:
            monkeypatch.setattr(backups, "copy_files", lambda root, copy, tick: (stop(scope), tick()))
            await back_up(settings(tmp_path / "data"), tmp_path / "copy")
        return scope.cancelled_caught

    def stop(scope):
        from_thread.run_sync(scope.cancel)

    monkeypatch.setattr(backups, "copy_files", full)
    with pytest.raises(StorageFull):
        await back_up(settings(tmp_path / "data"), tmp_path / "copy")
    assert await cancelled()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


async def test_store_and_blobs_that_lie_elsewhere_come_together(tmp_path):
    elsewhere = Settings(
        data_dir=str(tmp_path / "never made"),
        store=StoreSettings(url=f"sqlite:{tmp_path}/one/other.db"),
        blobs=BlobSettings(url=f"file:{tmp_path}/two"),
    )
    async with with_targets(Workspace.open(elsewhere)) as workspace:
        await (await workspace.submit("acme.echo", LARGE)).wait()
    made = await back_up(elsewhere, tmp_path / "copy")
    assert (made.jobs, made.blobs, made.files) == (1, 2, 2)
    assert await breaches(tmp_path / "copy") == []
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"jobs.sqlite", "blobs"}


@pytest.mark.parametrize(
    "chosen", [Settings(store=StoreSettings(url="memory:")), Settings(blobs=BlobSettings(url="memory:"))]
)
async def test_what_is_in_memory_is_refused(tmp_path, chosen):
    with pytest.raises(ConfigError, match="in memory"):
        await back_up(chosen, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
