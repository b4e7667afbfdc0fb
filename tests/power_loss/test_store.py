"""The power goes out under the job store: with FULL nothing acknowledged is lost, with NORMAL only the latest is."""

import random
import sqlite3
from contextlib import contextmanager

import anyio
import pytest

from kyanite.core.events import EPOCH, Amended, Began, Cancelled
from kyanite.errors import KyaniteError
from kyanite.ports import Cursor
from kyanite.runtime.audit import Audit
from kyanite.stores import sqlite
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.stores import a_job, success, write
from tests.crashes.steps import watched
from tests.power_loss.disk import Disk, clear
from tests.reliability import counts, record

pytest.importorskip("apsw")
from tests.power_loss.vfs import DiskVFS  # apsw is what it is about

LIVES = 5
"""How often a store loses its power in a row; the next life begins with what the last has left."""
LOSSES_A_LIFE = 10
CLIENTS = 5
DATABASE = "data/jobs.sqlite"


@contextmanager
def recorded(root, **options):
    """A disk that remembers what happens below the root, and the VFS that SQLite must use for it."""
    disk = Disk(root, **options)
    vfs = DiskVFS(disk)
    try:
        with watched(disk):
            yield disk, vfs
    finally:
        vfs.unregister()


async def client(store, disk, chance, name):
    """Submit jobs and take them through their lives, and note what has been acknowledged."""
    for number in range(chance.randrange(1, 6)):
        births = [a_job(number, id=f"{name}-{number}-{n}", tags=("t",)) for n in range(chance.choice((1, 1, 4)))]
        writes = [write(None, birth=birth) for birth in births]
        await committed(store, disk, writes)
        for events in ([Began(attempt=1)], [success() if chance.random() < 0.7 else Cancelled()]):
            if chance.random() < 0.3:
                events.insert(0, Amended(tags=("x", "y"), metadata={"text": "m" * chance.randrange(1, 5_000)}))
            writes = [write(each.details, *events) for each in writes]
            await committed(store, disk, writes)
        if chance.random() < 0.3:
            gone = await store.purge("default", [births[0].id])
            disk.mark(("purged", [row.id for row in gone]))
        await store.cursors([Cursor(name, number, EPOCH)])
        disk.mark(("cursor", name, number))


async def committed(store, disk, writes):
    positions = await store.commit(writes)
    assert None not in positions
    disk.mark(("position", max(at + len(each.events) - 1 for at, each in zip(positions, writes, strict=True))))


async def live(disk, vfs, chance, synchronous, name):
    """One life with clients that commit at the same time; return the whole log at its end."""
    store = SQLiteStore(disk.root / DATABASE, synchronous=synchronous, connect=vfs.connect)
    await store.open()
    try:
        async with anyio.create_task_group() as group:
            for number in range(CLIENTS):
                lane = random.Random(chance.random())
                group.start_soon(client, store, disk, lane, f"{name}-{number}")
        return await store.events(0, 100_000)
    finally:
        await store.aclose()


async def lost(root, promised, log):
    """Open what a power loss has left; return what is wrong, and how many acknowledged events are missing."""
    newest = max((position for kind, position, *_ in promised if kind == "position"), default=0)
    if not (root / DATABASE).exists():
        return ["the file is gone"] if newest else [], newest
    try:
        return await examined(root / DATABASE, promised, log, newest)
    except (KyaniteError, sqlite3.Error) as error:
        return [f"it can not be read: {error!r}"], newest


async def examined(path, promised, log, newest):
    store, wrong = SQLiteStore(path, synchronous="NORMAL"), []
    await store.open()
    try:
        left = await store.events(0, 100_000)
        if [event.event_id for event in left] != [event.event_id for event in log[: len(left)]]:
            wrong.append("the log is not the beginning of what it was")
        wrong += [str(breach) async for breach in Audit(store).breaches()]
        cursors = await store.cursors()
        buried = await store.buried("default", [job for kind, *jobs in promised if kind == "purged" for job in jobs[0]])
    finally:
        await store.aclose()
    connection = sqlite3.connect(path)
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    if verdict != "ok":
        wrong.append(verdict)
    missing = max(0, newest - len(left))
    missing += sum(len(set(jobs[0]) - buried) for kind, *jobs in promised if kind == "purged")
    saved = {name: number for kind, name, *number in promised if kind == "cursor"}
    missing += sum(name not in cursors or cursors[name].position < number for name, (number,) in saved.items())
    return wrong, missing


def events_in(path):
    """How many there are already: they are on the disk, and stay."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return count


async def many_losses(folder, seed, count, synchronous="FULL", **options):
    """Lose the power so often; return everything that was wrong, how often something was missing, and how often."""
    chance = random.Random(seed)
    wrong, incomplete, losses, base = [], 0, 0, None
    while losses < count:
        if losses % (LIVES * LOSSES_A_LIFE) == 0 or base is None:
            base = folder / f"{losses}"
            base.mkdir(parents=True)
        already = events_in(base / DATABASE)
        with recorded(base, **options) as (disk, vfs):
            disk.mark(("position", already))
            log = await live(disk, vfs, chance, synchronous, f"at-{losses}")
        points = [chance.randrange(len(disk.changes) + 1) for _ in range(LOSSES_A_LIFE)]
        targets = folder / f"after-{losses}"
        targets.mkdir()
        faults = []
        for promised, target in disk.losses(points, chance, targets):
            found, missing = await lost(target, promised, log)
            faults += found
            incomplete += missing > 0
            losses += 1
            base = target
        wrong += faults
        base = None if faults else base
        clear(folder, base)
    return wrong, incomplete, losses


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
async def test_with_full_nothing_acknowledged_is_lost_and_nothing_is_corrupt(tmp_path, monkeypatch):
    wrong, incomplete, losses = await with_checkpoints(tmp_path, monkeypatch, counts(quick=10, ci=250, soak=5_000))
    assert (wrong, incomplete) == ([], 0)
    record(
        "Nothing acknowledged is lost when the power goes out (synchronous = FULL)",
        f"{losses:,} power losses under the job store, 0 lost, 0 corrupt",
        losses=losses,
    )


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
async def test_with_normal_the_latest_may_be_missing_and_nothing_else(tmp_path, monkeypatch):
    count = counts(quick=10, ci=60, soak=1_000)
    wrong, incomplete, losses = await with_checkpoints(tmp_path, monkeypatch, count, synchronous="NORMAL")
    assert wrong == []
    assert incomplete > 0
    record(
        "With synchronous = NORMAL a power loss takes the latest at most, and corrupts nothing",
        f"{losses:,} power losses, after {incomplete:,} of them something acknowledged was missing, 0 corrupt",
        losses=losses,
        incomplete=incomplete,
    )


async def with_checkpoints(folder, monkeypatch, count, **options):
    """Lose the power so often with checkpoints at nearly every commit, at some, and never in so short a life."""
    wrong, incomplete, losses = [], 0, 0
    for pages in (3, 40, 8_192):
        monkeypatch.setattr(sqlite, "WAL_PAGES", pages)
        found = await many_losses(folder / f"checkpoint-{pages}", pages, count, **options)
        wrong, incomplete, losses = wrong + found[0], incomplete + found[1], losses + found[2]
    return wrong, incomplete, losses


@pytest.mark.parametrize("seed", range(counts(quick=2, ci=5, soak=20)))
async def test_a_disk_that_only_pretends_to_sync_is_caught(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(sqlite, "WAL_PAGES", 3)
    wrong, incomplete, _ = await many_losses(tmp_path, seed, LOSSES_A_LIFE, ignores_sync=True)
    assert wrong or incomplete
