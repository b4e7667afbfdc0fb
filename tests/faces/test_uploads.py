"""Content that is stored before the jobs that share it."""

import pytest

from kyanite.errors import BlobExists, BlobMissing, InvalidRequest
from tests.runtime.places import in_memory, settings, with_echo


async def test_several_jobs_share_an_upload(face):
    async with face(with_echo(in_memory())) as workspace:
        uri = await workspace.upload({"a": 1}, name="shared")
        assert uri == "kyanite:///default/uploads/shared"
        jobs = [await workspace.submit("acme.echo", input_data_uri=uri) for _ in range(2)]
        assert [await job.get_results(10) for job in jobs] == [{"a": 1}] * 2
        assert {job.details.input_data_uri for job in jobs} == {uri}
        assert await workspace.download(uri) == b'{"a":1}'


async def test_only_what_the_workspace_holds_is_downloaded(face):
    async with face(in_memory()) as workspace:
        with pytest.raises(BlobMissing):
            await workspace.download("kyanite:///default/uploads/nothing")
        for outside in ("kyanite:///other/uploads/x", "https://example.com/x", "kyanite:///default/../x"):
            with pytest.raises(InvalidRequest):
                await workspace.download(outside)


async def test_the_same_content_twice_is_one_upload_and_other_content_is_refused(face):
    async with face(in_memory()) as workspace:
        first = await workspace.upload(b"x", name="n", container="qio-problems")
        assert await workspace.upload(b"x", name="n", container="qio-problems") == first
        with pytest.raises(BlobExists):
            await workspace.upload(b"y", name="n", container="qio-problems")
        assert await workspace.upload(b"x") != await workspace.upload(b"x")


async def test_an_upload_is_bounded_and_stays_out_of_the_containers_of_jobs(face):
    async with face(in_memory(settings=settings(input_max_bytes=4))) as workspace:

        async def stream():
            yield b"123"
            yield b"45"

        for content in (b"12345", stream()):
            with pytest.raises(InvalidRequest, match="at most 4"):
                await workspace.upload(content)
        with pytest.raises(InvalidRequest, match="belongs to a job"):
            await workspace.upload(b"x", container="job-1")
        for name in ("../../outside", "", "a//b", "..", "a\\b", "\ud800", "x" * 300):
            with pytest.raises(InvalidRequest):
                await workspace.upload(b"x", name=name)


async def test_names_and_types_are_kept_as_they_are(face, tmp_path):
    (tmp_path / "file").write_bytes(bytes(200_000))
    ground = in_memory()
    async with face(ground) as workspace:
        uri = await workspace.upload(tmp_path / "file", name="a folder/ünd & more?#%.bin", content_type="image/png")
        assert await workspace.download(uri) == bytes(200_000)
        blob = await ground.blobs.stat("default/uploads/a folder/ünd & more?#%.bin")
        assert (blob.size, blob.content_type) == (200_000, "image/png")
