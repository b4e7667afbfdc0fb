from datetime import timedelta

from kyanite.blobs.memory import MemoryBlobs
from kyanite.runtime.housekeeping import sweep
from kyanite.runtime.system import SystemClock, SystemEntropy
from kyanite.testing.clocks import FakeClock
from tests.runtime.places import in_memory, with_echo


async def test_old_inputs_without_a_row_are_swept_and_nothing_else():
    clock = FakeClock()
    blobs = MemoryBlobs(now=clock.now)
    async with with_echo(in_memory(blobs=blobs)) as workspace:
        job = await (await workspace.submit("acme.echo", b"x")).wait()
        await blobs.put("default/job-orphan/inputData", b"old")
        await blobs.put("default/job-orphan/outputData", b"old")
        await blobs.put("default/uploads/problem", b"not a job's")
        clock.advance(100)
        await blobs.put("default/job-young/inputData", b"its row may still come")
        store = workspace.host.storage.store
        assert await sweep(blobs, store, clock, age_s=101) == 0
        assert await sweep(blobs, store, clock, age_s=50) == 2
        left = [blob.key for blob in await blobs.page()]
        own = [f"default/job-{job.id}/inputData", f"default/job-{job.id}/outputData"]
        assert sorted(left) == sorted([*own, "default/job-young/inputData", "default/uploads/problem"])


async def test_a_full_page_of_blobs_is_followed_by_the_next():
    clock = FakeClock()
    blobs = MemoryBlobs(now=clock.now)
    async with in_memory(blobs=blobs) as workspace:
        for number in range(1_203):
            await blobs.put(f"default/job-{number}/inputData", b"x")
        clock.advance(10)
        assert await sweep(blobs, workspace.host.storage.store, clock, age_s=1) == 1_203


def test_job_ids_are_uuids_of_version_7_that_grow_with_time():
    import uuid

    entropy = SystemEntropy()
    ids = [entropy.job_id() for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    assert all(uuid.UUID(text).version == 7 and uuid.UUID(text).variant == uuid.RFC_4122 for text in ids)
    stamps = [int(text.replace("-", "")[:12], 16) for text in ids]
    assert stamps == sorted(stamps)
    assert len({entropy.event_id() for _ in range(1_000)}) == 1_000
    assert 0 <= entropy.random() < 1
    assert SystemClock().now().utcoffset() == timedelta(0)
