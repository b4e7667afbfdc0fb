"""What a provider holds: the port `Task`, call by call, and what becomes of it when the blob store is out."""

import anyio
import pytest

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import BlobExists, IdConflict, InvalidRequest, ProviderError, StoreUnavailable
from kyanite.runtime import execution
from kyanite.testing.blobs import chunks
from tests.runtime.places import executing, in_memory


async def ran(behaviour, *, blobs=None, content=b"in"):
    """Run one job that behaves so; return it ended."""
    async with in_memory(blobs=blobs) as workspace:
        workspace.target("acme.test")(behaviour)
        job = await workspace.submit("acme.test", content)
        with anyio.fail_after(20):
            await job.wait()
        return job


async def test_the_input_comes_whole_in_chunks_or_as_a_file(tmp_path):
    seen = []

    async def reads(task):
        seen.append((await task.read_input(), b"".join([chunk async for chunk in task.stream_input()])))
        path = task.input_path()
        seen.append(None if path is None else path.read_bytes())
        task.log.info("seen")
        await task.write_output(b"out")

    large = b"x" * 100_000
    for blobs, file in ((MemoryBlobs(), None), (FileBlobs(tmp_path), large)):
        assert (await ran(reads, blobs=blobs, content=large)).details.status == "Succeeded"
        assert seen == [(large, large), file]
        seen.clear()


async def test_an_output_is_written_once(tmp_path):
    async def writes(task):
        await task.write_output({"first": 1})
        with pytest.raises(ProviderError, match="OutputWrittenTwice"):
            await task.write_output(b"second")

    job = await ran(writes)
    assert (job.details.status, job.details.output_size) == ("Succeeded", len(b'{"first":1}'))


@pytest.mark.parametrize(
    ("content", "stored"), [(bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab"), ("é", "é".encode()), ([1], b"[1]")]
)
async def test_an_output_may_be_many_things(content, stored):
    async with in_memory() as workspace:

        @workspace.target("acme.test")
        async def writes(task):
            await task.write_output(content)

        job = await (await workspace.submit("acme.test", content)).wait(20)
        blobs = workspace.host.storage.blobs
        assert await blobs.get(f"default/job-{job.id}/outputData") == stored
        assert await blobs.get(f"default/job-{job.id}/inputData") == stored


class Out(MemoryBlobs):
    """Out for the first calls; a put takes effect all the same."""

    def __init__(self, outages, *, stores=True):
        super().__init__()
        self.outages = outages
        self.stores = stores

    async def put(self, key, content, **label):
        if self.outages and "outputData" in key:
            self.outages -= 1
            if self.stores and key not in self._objects:
                await super().put(key, content, **label)
            raise StoreUnavailable("the answer was lost")
        return await super().put(key, content, **label)


@pytest.mark.parametrize("stores", [True, False])
async def test_an_output_whose_answer_was_lost_is_found_again(monkeypatch, stores):
    monkeypatch.setattr(execution, "delay_s", lambda *_: 0.0)

    async def writes(task):
        await task.write_output(b"out")

    blobs = Out(3, stores=stores)
    job = await ran(writes, blobs=blobs)
    assert (job.details.status, job.details.output_size, blobs.outages) == ("Succeeded", 3, 0)


@pytest.mark.parametrize("content", [b"mine", pytest.param(None, id="a stream")])
async def test_a_foreign_blob_in_the_place_of_the_output_is_not_taken_for_it(content):
    blobs = MemoryBlobs()

    async def writes(task):
        await blobs.put(f"{task.details.container}/outputData", b"foreign")
        with pytest.raises(BlobExists):
            await task.write_output(chunks([b"foreign"]) if content is None else content)
        raise ProviderError("Occupied", "somebody was here")

    job = await ran(writes, blobs=blobs)
    assert (job.details.error_data.code, job.details.output_data_uri) == ("Occupied", None)


async def test_a_wish_to_cancel_is_told_at_once_to_who_asks_late():
    async with in_memory() as workspace:
        asked = []

        @workspace.target("acme.test")
        async def waits(task):
            await task.wait_cancel_requested()
            await task.wait_cancel_requested()
            asked.append(task.cancel_requested)

        job = await workspace.submit("acme.test", b"")
        await executing(job)
        with anyio.fail_after(20):
            assert (await job.cancel()).details.status == "Cancelled"
        assert asked == [True]


async def test_the_same_submit_from_a_file_is_the_same_job_and_from_a_stream_it_can_not_be_told(tmp_path):
    """A stream that was used up can not be compared with what is stored."""
    source = tmp_path / "input"
    source.write_bytes(b"content")
    async with in_memory(drive=False) as workspace:

        @workspace.target("acme.test")
        async def never(task):
            raise AssertionError("nothing is driven here")

        first = await workspace.submit("acme.test", source, job_id="a")
        assert (await workspace.submit("acme.test", source, job_id="a")).details == first.details
        assert (await workspace.submit("acme.test", b"content", job_id="a")).details == first.details
        for other in (chunks([b"content"]), b"other"):
            with pytest.raises(IdConflict):
                await workspace.submit("acme.test", other, job_id="a")
        with pytest.raises(InvalidRequest, match=r"input can not be read: .*No such file"):
            await workspace.submit("acme.test", tmp_path / "missing")
        assert await workspace.count_jobs() == 1
