"""One byte on the disk changes by itself: it is noticed, or it makes no difference; it is never read as data."""

import random
import sqlite3
from collections import Counter

import pytest
from msgspec.structs import replace

from kyanite.blobs.files import FileBlobs
from kyanite.core.events import EPOCH, Amended, Began, Cancelled, CancelRequested, Checkpointed, RetryScheduled
from kyanite.core.job import ErrorData
from kyanite.errors import BlobCorrupt, BlobMissing, InfrastructureError, StoreCorrupt
from kyanite.ports import ORDERS, JobQuery
from kyanite.runtime.audit import Audit
from kyanite.stores.sqlite import SQLiteStore
from kyanite.testing.blobs import content_of, some_bytes
from kyanite.testing.stores import a_job, success, write
from tests.reliability import counts, record

KEY = "default/job-1/inputData"


def flipped(content, position, bit):
    damaged = bytearray(content)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "positions"),
    [(300, 300), (100_000, counts(quick=20, ci=500, soak=5_000)), (3_000_000, counts(quick=3, ci=20, soak=200))],
)
async def test_a_flipped_byte_of_a_file_is_never_read_as_data(tmp_path, size, positions):
    chance, content = random.Random(size), some_bytes(size)
    blobs = FileBlobs(tmp_path, inline_max=0, recent_bytes_max=0)
    await blobs.open()
    try:
        await blobs.put(KEY, content)
        path = blobs.local_path(KEY)
        for position in chance.sample(range(size), positions):
            path.write_bytes(flipped(content, position, chance.randrange(8)))
            with pytest.raises(BlobCorrupt):
                await blobs.get(KEY)
            with pytest.raises(BlobCorrupt):
                await content_of(blobs.read(KEY))
    finally:
        await blobs.aclose()
    record(
        "A flipped byte in a blob is detected by its hash",
        f"{positions:,} of {size:,} positions of a file: all detected",
        flips=positions,
        silent=0,
    )


async def test_a_file_cut_at_any_sector_is_never_read_as_data(tmp_path):
    content = some_bytes(20_000)
    blobs = FileBlobs(tmp_path, inline_max=0, recent_bytes_max=0)
    await blobs.open()
    try:
        await blobs.put(KEY, content)
        for size in range(0, len(content), 512):
            blobs.local_path(KEY).write_bytes(content[:size])
            with pytest.raises(BlobCorrupt):
                await blobs.get(KEY)
    finally:
        await blobs.aclose()


# Databases ------------------------------------------------------------------------------------------------------------

BLOBS, JOBS = 40, 30
LABELS = ("created", "content_type", "content_encoding", "metadata")
"""What a blob's record says beside size and hash; no sum covers it."""


def damaged_copies(path, copy, count):
    """Write the file anew with another byte flipped each time."""
    content, chance = path.read_bytes(), random.Random(path.name)
    copy.parent.mkdir()
    for _ in range(count):
        copy.write_bytes(flipped(content, chance.randrange(len(content)), chance.randrange(8)))
        yield


async def filled_blobs(root):
    """A store of small objects of many sizes, some of them removed again; return their keys."""
    keys = [f"default/job-{number}/inputData" for number in range(BLOBS)]
    blobs = FileBlobs(root)
    await blobs.open()
    for number, key in enumerate(keys):
        metadata = {"n": str(number)} if number % 2 else {}
        await blobs.put(key, some_bytes(number**3 % 9_001), metadata=metadata)
    await blobs.delete(keys[::7])
    await blobs.aclose()
    return keys


async def read_blobs(root, keys):
    """For each key record and content, or the name of the error; the error alone if the store does not open."""
    blobs = FileBlobs(root, recent_bytes_max=0)
    try:
        await blobs.open(read_only=True)
        return {key: await read_blob(blobs, key) for key in keys}
    except InfrastructureError as error:
        return type(error).__name__
    finally:
        await blobs.aclose()


async def read_blob(blobs, key):
    try:
        return await blobs.stat(key), await blobs.get(key)
    except (BlobCorrupt, BlobMissing) as error:
        return type(error).__name__


def judged(sound, found):
    """Say what came of a flip: noticed, harmless, a label changed, or, which must never be, other data."""
    if isinstance(found, str):
        return "noticed"
    changed = [(sound[key], found[key]) for key in sound if sound[key] != found[key]]
    if not changed:
        return "harmless"
    if any(isinstance(now, str) for _, now in changed):
        # A blob that is missing is noticed by `check`: some job names it.
        return "noticed" if all(now in {"BlobCorrupt", "BlobMissing"} for _, now in changed) else "other data"
    return "label" if all(unlabelled(was) == unlabelled(now) for was, now in changed) else "other data"


def unlabelled(found):
    record, content = found
    return replace(record, **dict.fromkeys(LABELS)), content


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
async def test_a_flipped_byte_under_small_blobs_is_never_read_as_content(tmp_path):
    keys = await filled_blobs(tmp_path / "sound")
    sound, outcomes = await read_blobs(tmp_path / "sound", keys), Counter()
    flips = counts(quick=200, ci=2_000, soak=40_000)
    for _ in damaged_copies(tmp_path / "sound" / "small.sqlite", tmp_path / "damaged" / "small.sqlite", flips):
        outcomes[judged(sound, await read_blobs(tmp_path / "damaged", keys))] += 1
    assert outcomes["other data"] == 0, outcomes
    assert outcomes["noticed"] > flips // 4, outcomes
    record(
        "A flipped byte in a blob is detected by its hash",
        f"{flips:,} flips under small blobs: {outcomes['noticed']:,} noticed, {outcomes['harmless']:,} without effect, "
        f"{outcomes['label']:,} in a label, 0 read as content",
        flips=flips,
        silent=0,
    )


async def filled_jobs(path):
    """A store with jobs of every kind, some of them purged."""
    store = SQLiteStore(path)
    await store.open()
    busy = RetryScheduled(error=ErrorData("Busy", "later"), not_before=EPOCH)
    for number in range(JOBS):
        born = write(None, birth=a_job(number, tags=("a", f"t{number % 3}"), metadata={"text": "m" * (number * 14)}))
        await store.commit([born])
        rest = [
            [],
            [Began(attempt=1), success(number)],
            [Began(attempt=1), busy, Began(attempt=2), success(number)],
            [CancelRequested(reason="changed my mind"), Cancelled()],
            [Began(attempt=1), Checkpointed(handle={"id": number})],
            [Amended(name=f"other {number}", tags=("x",))],
        ][number % 6]
        if rest:
            assert await store.commit([write(born.details, *rest)]) != [None]
    assert len(await store.purge("default", ["job00001", "job00007"])) == 2
    await store.aclose()


async def read_jobs(path):
    """What the check finds, and everything that can be read through the store; the error alone if that fails."""
    store = SQLiteStore(path)
    try:
        await store.open(read_only=True)
        if breaches := [breach async for breach in Audit(store).breaches()]:
            return breaches
        return await all_jobs(store)
    except InfrastructureError as error:
        return [error]
    finally:
        await store.aclose()


async def all_jobs(store):
    """By what was asked. Not cursors, nor the stories of purged jobs: of those there is no second copy to compare."""
    jobs = [f"job{number:05d}" for number in range(JOBS)]
    found = {"head": await store.head(), "log": await store.events(0, 1_000)}
    found["buried"] = buried = await store.buried("default", jobs)
    for job in sorted(set(jobs) - buried):
        found[job] = await store.get("default", job)
        found[f"story of {job}"] = await store.events(0, 100, ("default", job))
    for order in ORDERS:
        found[f"by {order}"] = await store.page(JobQuery(order=order))
    for field, value in (("status", ("Waiting",)), ("target", ("acme.echo",)), ("tag", "a"), ("name_prefix", "job")):
        found[f"where {field}"] = await store.page(JobQuery(**{field: value}))
    for column in ("status", "target", "provider_id", "name"):
        found[f"count {column}"] = await store.count(JobQuery(), column)
    return found


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
async def test_a_flipped_byte_under_jobs_is_found_by_the_check_or_makes_no_difference(tmp_path):
    await filled_jobs(tmp_path / "jobs.sqlite")
    sound = await read_jobs(tmp_path / "jobs.sqlite")
    assert isinstance(sound, dict)
    flips, outcomes, silent = counts(quick=200, ci=2_000, soak=40_000), Counter(), Counter()
    for _ in damaged_copies(tmp_path / "jobs.sqlite", tmp_path / "damaged" / "jobs.sqlite", flips):
        found = await read_jobs(tmp_path / "damaged" / "jobs.sqlite")
        if isinstance(found, list):
            outcomes["noticed"] += 1
        elif found == sound:
            outcomes["harmless"] += 1
        else:
            silent[next(asked for asked in sound if found[asked] != sound[asked])] += 1
    assert outcomes["noticed"] > flips // 4
    assert not silent
    record(
        "A flipped byte in the store is found by `kyanite check`",
        f"{flips:,} flips: {outcomes['noticed']:,} found, {outcomes['harmless']:,} without effect, 0 unnoticed",
        flips=flips,
        silent=0,
    )


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE owner SET position = position - 1", "log-broken"),
        ("UPDATE owner SET position = position + 1", "position-missing"),
        ("UPDATE tombstones SET id = 'job1000x' WHERE id = 'job00001'", "row-missing"),
    ],
)
async def test_a_counter_or_a_tombstone_that_changed_is_found(tmp_path, statement, kind):
    await filled_jobs(tmp_path / "jobs.sqlite")
    connection = sqlite3.connect(tmp_path / "jobs.sqlite")
    connection.execute(statement)
    connection.commit()
    connection.close()
    found = await read_jobs(tmp_path / "jobs.sqlite")
    assert [breach.kind for breach in found] == [kind]


async def test_a_tombstone_that_gives_back_another_id_does_not_stop_the_check(tmp_path):
    """As one does whose index and text differ: what was not asked for is no answer."""

    class Confused(SQLiteStore):
        async def buried(self, workspace, job_ids):
            return {"somebody else" if job == "job00001" else job for job in await super().buried(workspace, job_ids)}

    await filled_jobs(tmp_path / "jobs.sqlite")
    store = Confused(tmp_path / "jobs.sqlite")
    await store.open(read_only=True)
    try:
        breaches = [breach async for breach in Audit(store).breaches()]
    finally:
        await store.aclose()
    assert [(breach.kind, breach.job_id) for breach in breaches] == [("row-missing", "job00001")]


async def test_a_counter_that_is_gone_is_said_to_be_corrupt(tmp_path):
    await filled_jobs(tmp_path / "jobs.sqlite")
    connection = sqlite3.connect(tmp_path / "jobs.sqlite")
    connection.execute("DELETE FROM owner")
    connection.commit()
    connection.close()
    (error,) = await read_jobs(tmp_path / "jobs.sqlite")
    assert isinstance(error, StoreCorrupt)


async def test_a_key_whose_index_leads_to_another_object_is_corrupt(tmp_path):
    keys = await filled_blobs(tmp_path)
    path = tmp_path / "small.sqlite"
    content = path.read_bytes()
    # In the index, which is the third page, the entry of a key ends in the id of its row: make it another's.
    entry = content.index(keys[20].encode(), 2 * 4_096, 3 * 4_096) + len(keys[20])
    assert content[entry] == 20 + 1
    path.write_bytes(content[:entry] + bytes([2 + 1]) + content[entry + 1 :])
    assert (await read_blobs(tmp_path, keys))[keys[20]] == "BlobCorrupt"


async def test_a_schema_that_is_no_text_is_said_to_be_corrupt(tmp_path):
    """SQLite repeats the damaged text in its error, which Python then can not decode."""
    path = tmp_path / "jobs.sqlite"
    await filled_jobs(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"INSERT INTO jobs\n", b"\xffNSERT INTO jobs\n"))
    (error,) = await read_jobs(path)
    assert isinstance(error, StoreCorrupt)
