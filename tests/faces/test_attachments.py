"""What users put beside a job's input and output."""

import pytest

from kyanite.errors import BlobExists, BlobMissing, InvalidRequest, JobNotFound
from kyanite.runtime import attachments
from tests.runtime.places import in_memory, settings, with_echo


async def echoed(workspace):
    return await (await workspace.submit("acme.echo", "content")).wait(10)


async def test_they_lie_beside_input_and_output_and_go_with_the_job(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        job = await echoed(workspace)
        assert await job.list_attachments() == []
        blob = await job.upload_attachment("notes.txt", "read me")
        other = await job.upload_attachment("a table", {"a": 1})
        assert (blob.key, blob.size, blob.content_type) == (
            f"default/job-{job.id}/notes.txt",
            7,
            "text/plain; charset=utf-8",
        )
        assert await job.list_attachments() == [other, blob]
        assert await job.download_attachment("notes.txt") == b"read me"
        assert await job.download_attachment("a table") == b'{"a":1}'
        assert await job.get_results() == b"content"
        assert await workspace.delete_job(job)
        assert await ground.blobs.page() == []
        with pytest.raises(JobNotFound):
            await job.upload_attachment("late", b"")


async def test_bytes_of_any_kind_come_back_as_they_are(face, tmp_path):
    async def chunks():
        yield b"\x00"
        yield b"\xff"

    path = tmp_path / "file"
    path.write_bytes(b"of a file")
    async with face(with_echo(in_memory())) as workspace:
        job = await echoed(workspace)
        for name, content, stored in (
            ("bytes", b"\x1f\x8b", b"\x1f\x8b"),
            ("stream", chunks(), b"\x00\xff"),
            ("path", path, b"of a file"),
            ("nothing", b"", b""),
        ):
            assert (await job.upload_attachment(name, content, "image/png")).content_type == "image/png"
            assert await job.download_attachment(name) == stored


async def test_a_name_is_written_once(face):
    async with face(with_echo(in_memory())) as workspace:
        job = await echoed(workspace)
        first = await job.upload_attachment("x", b"1")
        assert await job.upload_attachment("x", b"1") == first
        with pytest.raises(BlobExists):
            await job.upload_attachment("x", b"2")
        assert await job.download_attachment("x") == b"1"


@pytest.mark.parametrize(
    "name",
    [
        "inputData",
        "inputData-1",
        "outputData",
        "outputData-2",
        "rawOutputData",
        "",
        None,
        "a/b",
        "..",
        "a\\b",
        "\ud800",
    ],
)
async def test_names_of_the_jobs_own_and_unsafe_ones_are_refused(face, name):
    async with face(with_echo(in_memory())) as workspace:
        job = await echoed(workspace)
        with pytest.raises(InvalidRequest):
            await job.upload_attachment(name, b"x")
        assert await job.list_attachments() == []


async def test_what_is_not_there_or_no_attachment_is_not_handed_out(face):
    async with face(with_echo(in_memory())) as workspace:
        job = await echoed(workspace)
        with pytest.raises(BlobMissing):
            await job.download_attachment("nothing")
        for name in ("inputData", "../x", ""):
            with pytest.raises(InvalidRequest):
                await job.download_attachment(name)


async def test_those_that_came_through_storage_itself_are_listed_page_by_page(face, monkeypatch):
    monkeypatch.setattr(attachments, "PAGE", 2)
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        job = await echoed(workspace)
        for name in ("deep/er", "a", "z", "b"):
            await ground.blobs.put(f"{job.details.container}/{name}", b"x")
        await ground.blobs.put(f"{job.details.container}0/other", b"x")
        names = [blob.key.removeprefix(job.details.container) for blob in await job.list_attachments()]
        assert names == ["/a", "/b", "/deep/er", "/z"]
        assert await job.download_attachment("deep/er") == b"x"


async def test_they_are_bounded(face):
    async with face(with_echo(in_memory(settings=settings(input_max_bytes=8)))) as workspace:
        job = await echoed(workspace)
        with pytest.raises(InvalidRequest, match="at most 8"):
            await job.upload_attachment("x", b"123456789")
