import anyio
import pytest

from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import StoreUnavailable
from kyanite.runtime import housekeeping
from kyanite.stores.memory import MemoryStore
from kyanite.testing.clocks import FakeClock


class Asleep(Exception):
    """The days of the test are over."""


async def test_it_sweeps_once_a_day_and_an_outage_costs_one_day(monkeypatch, caplog):
    clock, slept = FakeClock(), []
    blobs = MemoryBlobs(now=clock.now)
    await blobs.open()

    async def sleep(seconds):
        slept.append(seconds)
        clock.advance(seconds)
        await anyio.lowlevel.checkpoint()
        if seconds == housekeeping.SWEEP_EVERY_S:
            await blobs.put(f"default/job-{len(slept)}/inputData", b"of a submit that was cut short")
        if len(days()) == 4:
            raise Asleep

    def days():
        return [seconds for seconds in slept if seconds != housekeeping.PAGE_PAUSE_S]

    class Shaky(MemoryStore):
        outages = 1

        async def get(self, workspace, job_id):
            if self.outages:
                self.outages -= 1
                raise StoreUnavailable("not now")
            return await super().get(workspace, job_id)

    monkeypatch.setattr(housekeeping.anyio, "sleep", sleep)
    await blobs.put("default/job-0/inputData", b"of a submit that was cut short")
    clock.advance(1_000.0)
    with pytest.raises(Asleep):
        await housekeeping.sweep_forever(blobs, Shaky(), clock, age_s=500.0)
    assert days() == [60.0, housekeeping.SWEEP_EVERY_S, housekeeping.SWEEP_EVERY_S, housekeeping.SWEEP_EVERY_S]
    assert len([record for record in caplog.records if "given up until tomorrow" in str(record.msg)]) == 1
    # What came after the last sweep but one is younger than the age; the day of the outage was made up for.
    assert [blob.key for blob in await blobs.page()] == ["default/job-4/inputData", "default/job-6/inputData"]


async def test_a_fault_of_ours_is_not_slept_over(monkeypatch):
    async def sleep(seconds):
        await anyio.lowlevel.checkpoint()

    class Broken(MemoryBlobs):
        async def page(self, prefix="", after="", limit=500):
            raise KeyError("a fault of ours")

    monkeypatch.setattr(housekeeping.anyio, "sleep", sleep)
    with pytest.raises(KeyError, match="a fault of ours"):
        await housekeeping.sweep_forever(Broken(), MemoryStore(), FakeClock(), 1.0)
