"""Jobs on their way in."""

import hashlib
import re
from datetime import UTC, datetime

import anyio
import msgspec
import pytest

from kyanite import Status, Workspace
from kyanite.errors import IdConflict, InvalidRequest, QueueFull, SessionNotFound, UnknownTarget
from tests.faces.places import acme
from tests.runtime.places import executing, in_memory, settings, with_echo


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


async def test_a_job_goes_from_submit_to_result(face):
    async with face(with_echo(in_memory())) as workspace:
        job = await workspace.submit(
            "acme.echo",
            {"x": [1, 2.5]},
            name="first",
            input_params={"params": {"a": 1}},
            tags=["t"],
            metadata={"m": 1},
            priority=2,
            input_data_format="json",
        )
        assert job.details.status is Status.WAITING
        assert await job.get_results() == {"x": [1, 2.5]}
        details = job.details
        assert details.status is Status.SUCCEEDED
        assert (details.name, details.tags, details.metadata, details.priority) == ("first", ("t",), {"m": 1}, 2)
        assert details.input_params == {"params": {"a": 1}}
        assert details.creation_time <= details.begin_execution_time <= details.end_execution_time
        assert details.input_hash == hashlib.sha256(b'{"x":[1,2.5]}').hexdigest() == details.output_hash
        assert details.output_data_uri == f"kyanite:///default/job-{job.id}/outputData"
        story = await job.story()
        assert [type(event).__name__ for event in story] == ["Submitted", "Began", "Succeeded"]
        assert len(str(story).splitlines()) == 3
        assert "Succeeded" in repr(job)


async def test_the_row_is_the_same_wherever_it_is_looked_at_from(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        job = await workspace.submit(
            "acme.echo",
            b"x",
            timeout_s=20,
            attempts_max=3,
            output_data_format="raw",
            priority=-5,
            metadata={"deep": [{"a": None}], "é": "☃"},
            input_params=[1, 2.5, "x", None, True],
            provider_id="ACME",
        )
        await job.wait(10)
        assert job.details == (await ground.get_job(job.id)).details
        assert (job.details.timeout_s, job.details.attempts_max, job.details.provider_spelt) == (20.0, 3, "ACME")
        assert job.details.input_params == [1, 2.5, "x", None, True]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"\x00a"), b"\x00a"),
        ("text ☃", "text ☃".encode()),
        ("", b""),
        ('{"not": "parsed"}', {"not": "parsed"}),
        ([1, None, "x"], [1, None, "x"]),
        (b"", b""),
        (0, 0),
        (False, False),
        ({}, {}),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (b"\x1f\x8bnot gzip", b"\x1f\x8bnot gzip"),
        ([[]] * 200, [[]] * 200),
        (b"b" * 70_000, b"b" * 70_000),
        ("☃" * 70_000, ("☃" * 70_000).encode()),
        (list(range(30_000)), list(range(30_000))),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_any_input_comes_through(face, content, expected):
    async with face(with_echo(in_memory())) as workspace:
        job = await workspace.submit("acme.echo", content)
        assert await job.get_results() == expected
        stored = await workspace.download(job.details.input_data_uri)
        assert hashlib.sha256(stored).hexdigest() == job.details.input_hash
        assert len(stored) == job.details.input_size


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"x", "application/octet-stream"),
        ("x", "text/plain; charset=utf-8"),
        ([1], "application/json"),
        (datetime(2026, 1, 1, tzinfo=UTC), "application/json"),
        ([[[]]] * 100, "application/json"),
        ("x" * 70_000, "text/plain; charset=utf-8"),
        (list(range(30_000)), "application/json"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_an_input_is_kept_as_what_it_is(face, content, kind):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        job = await workspace.submit("acme.echo", content, job_id="mine")
        blob = await ground.blobs.stat("default/job-mine/inputData")
        assert (blob.content_type, blob.sha256) == (kind, job.details.input_hash)


async def test_files_and_streams_come_through(face, tmp_path):
    content = b"%" + bytes(300_000)
    (tmp_path / "input").write_bytes(content)
    async with face(with_echo(Workspace.open(data_dir=tmp_path / "data"))) as workspace:
        for given in (tmp_path / "input", stream(content[:7], content[7:])):
            job = await workspace.submit("acme.echo", given)
            assert await job.get_results() == content
            assert (job.details.input_size, job.details.output_size) == (len(content), len(content))
            assert (await job.download(tmp_path / "output")).read_bytes() == content
        with pytest.raises(InvalidRequest, match="input can not be read"):
            await workspace.submit("acme.echo", tmp_path / "missing")


async def test_what_a_coroutine_returns_is_the_output(face):
    ground = in_memory()

    @ground.target("acme.answer")
    async def answer(task):
        return {"answer": 42}

    @ground.target("acme.words")
    async def words(task):
        return "42"

    async with face(ground) as workspace:
        assert await (await workspace.submit("acme.answer", b"")).get_results() == {"answer": 42}
        assert await (await workspace.submit("acme.words", b"")).get_results() == "42"
        assert [target.id for target in workspace.targets()] == ["acme.answer", "acme.words"]
        assert workspace.targets() == ground.targets()


@pytest.mark.parametrize("content", [b"x", b"x" * 100_000], ids=["small", "large"])
async def test_the_same_submit_twice_is_one_job(face, content):
    async with face(with_echo(in_memory())) as workspace:
        first = await workspace.submit("acme.echo", content, job_id="mine", name="first")
        second = await workspace.submit("acme.echo", content, job_id="mine", name="second")
        assert second.details.name == "first"
        for other in (
            {"input": content.replace(b"x", b"y")},
            {"input": b"y"},
            {"input": stream(b"y" * 100_000)},
            {"input": content, "input_params": {"a": 1}},
            {"input": content, "input_data_format": "f"},
        ):
            with pytest.raises(IdConflict):
                await workspace.submit("acme.echo", job_id="mine", **other)
        assert await first.get_results() == content
        assert await workspace.count_jobs() == 1


async def test_the_same_file_twice_is_one_job(face, tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    (tmp_path / "b").write_bytes(b"y" * 300_000)
    async with face(with_echo(in_memory())) as workspace:
        first = await workspace.submit("acme.echo", tmp_path / "a", job_id="mine")
        assert (await workspace.submit("acme.echo", tmp_path / "a", job_id="mine")).id == first.id
        assert (await workspace.submit("acme.echo", b"x" * 300_000, job_id="mine")).id == first.id
        with pytest.raises(IdConflict):
            await workspace.submit("acme.echo", tmp_path / "b", job_id="mine")
        assert await first.get_results() == b"x" * 300_000
        assert await workspace.count_jobs() == 1


async def test_simultaneous_submits_of_one_id_are_one_job(face):
    async with face(with_echo(in_memory())) as workspace:
        ids = []

        async def submit():
            ids.append((await workspace.submit("acme.echo", b"x", job_id="mine")).id)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(submit)
        assert ids == ["mine"] * 20
        assert await workspace.count_jobs() == 1


async def test_an_input_left_by_a_submit_that_was_cut_short_is_no_obstacle(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        await ground.blobs.put("default/job-mine/inputData", b"half-way")
        job = await workspace.submit("acme.echo", b"x", job_id="mine")
        assert await job.get_results() == b"x"


async def test_an_input_can_be_used_again_and_then_stays(face):
    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        first = await workspace.submit("acme.echo", b"shared")
        second = await workspace.submit("acme.echo", input_data_uri=first.details.input_data_uri)
        assert await second.get_results() == b"shared"
        await first.wait()
        assert not await workspace.delete_job(first)
        assert await workspace.delete_job(second)
        assert await workspace.delete_job(first.id)
        assert await ground.blobs.page() == []
        for uri in ("kyanite:///default/job-x/inputData", "kyanite:///other/a/b", "https://example.org/x", "../etc"):
            with pytest.raises(InvalidRequest, match="input_data_uri"):
                await workspace.submit("acme.echo", input_data_uri=uri)
        with pytest.raises(InvalidRequest, match="input_data_uri"):
            await workspace.submit("acme.echo", b"x", input_data_uri=uri)
        with pytest.raises(InvalidRequest, match="input is missing"):
            await workspace.submit("acme.echo")
        with pytest.raises(InvalidRequest, match="input is missing"):
            await workspace.submit("acme.echo", job_id="mine")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("job_id", {"job_id": "a/b"}),
        ("job_id", {"job_id": "../x"}),
        ("job_id", {"job_id": ""}),
        ("job_id", {"job_id": "x" * 129}),
        ("job_id", {"job_id": 7}),
        ("name", {"name": ""}),
        ("name", {"name": "x" * 513}),
        ("name", {"name": 5}),
        ("name", {"name": "a\nb"}),
        ("priority", {"priority": 1_001}),
        ("priority", {"priority": "high"}),
        ("priority", {"priority": True}),
        ("timeout_s", {"timeout_s": 0}),
        ("timeout_s", {"timeout_s": float("nan")}),
        ("timeout_s", {"timeout_s": "soon"}),
        ("attempts_max", {"attempts_max": 0}),
        ("attempts_max", {"attempts_max": 1.5}),
        ("tags", {"tags": "a"}),
        ("tags", {"tags": ["x"] * 65}),
        ("tags[1]", {"tags": ["x", ""]}),
        ("metadata", {"metadata": [1]}),
        ("metadata", {"metadata": {"a": "x" * 70_000}}),
        ("input_params", {"input_params": {"a": object()}}),
        ("input_params", {"input_params": "x" * 1_100_000}),
        ("provider_id", {"provider_id": "other"}),
        ("session_id", {"session_id": "a/b"}),
        ("input_data_format", {"input_data_format": ""}),
        ("output_data_format", {"output_data_format": 3}),
        ("input", {"input": object()}),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)[:200])[:60],
)
async def test_what_is_wrong_is_named(face, field, wrong):
    async with face(with_echo(in_memory())) as workspace:
        with pytest.raises(InvalidRequest) as refused:
            await workspace.submit("acme.echo", **{"input": b"x", **wrong})
        assert refused.value.field == field
        assert field in str(refused.value)
        assert await workspace.count_jobs() == 0


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
async def test_numbers_must_be_finite(face, number):
    async with face(with_echo(in_memory())) as workspace:
        for field in ("input_params", "metadata"):
            with pytest.raises(InvalidRequest, match=rf"{field}.* is {number}; a number must be finite"):
                await workspace.submit("acme.echo", b"x", **{field: {"a": [number]}})


async def test_refused_submits_leave_nothing(face):
    ground = with_echo(in_memory(settings=settings(waiting_max=0)))
    async with face(ground) as workspace:
        with pytest.raises(UnknownTarget, match=r"did you mean 'acme\.echo'"):
            await workspace.submit("acme.ehco", b"x")
        with pytest.raises(UnknownTarget, match=r"there are: acme\.echo"):
            await workspace.submit("10,000 spins", b"x")
        with pytest.raises(QueueFull, match="waiting_max"):
            await workspace.submit("acme.echo", b"x")
        with pytest.raises(QueueFull, match="waiting_max"):
            await workspace.submit("acme.echo", {"x": "y"})
        assert await workspace.count_jobs() == 0
        assert await ground.blobs.page() == []


async def test_an_input_is_bounded(face, tmp_path):
    (tmp_path / "input").write_bytes(b"x" * 11)
    async with face(with_echo(in_memory(settings=settings(input_max_bytes=10)))) as workspace:
        for content in (b"x" * 11, stream(b"x" * 6, b"x" * 6), "x" * 11, tmp_path / "input", b"x" * 3_000_000):
            with pytest.raises(InvalidRequest, match="at most 10") as refused:
                await workspace.submit("acme.echo", content)
            assert refused.value.field == "input"
        assert await (await workspace.submit("acme.echo", b"x" * 10)).get_results() == b"x" * 10


async def test_room_is_counted_as_jobs_come_and_go(face):
    ground = acme(in_memory(settings=settings(waiting_max=3)))
    async with face(ground) as workspace:
        first = await workspace.submit("acme.held", b"x")
        await executing(first)
        jobs = [await workspace.submit("acme.held", b"x") for _ in range(3)]
        with pytest.raises(QueueFull):
            await workspace.submit("acme.held", b"x")
        await jobs[1].cancel()
        jobs.append(await workspace.submit("acme.held", b"x"))
        with pytest.raises(QueueFull):
            await workspace.submit("acme.held", b"x")
        ground.held.set()
        for job in jobs:
            await job.wait()
        await workspace.submit("acme.held", b"x")


async def test_a_stream_that_raises_submits_nothing(face):
    async def broken():
        yield b"x"
        raise ZeroDivisionError

    ground = with_echo(in_memory())
    async with face(ground) as workspace:
        with pytest.raises(ZeroDivisionError):
            await workspace.submit("acme.echo", broken(), job_id="mine")
        assert await workspace.count_jobs() == 0
        assert await (await workspace.submit("acme.echo", stream(b"x"), job_id="mine")).get_results() == b"x"


async def test_a_session_that_there_is_not_takes_none(face):
    async with face(with_echo(in_memory())) as workspace:
        with pytest.raises(SessionNotFound, match="nobody"):
            await workspace.submit("acme.echo", b"x", session_id="nobody")


async def test_any_parameters_come_through(face):
    async with face(with_echo(in_memory())) as workspace:
        for params in ({}, [], "x", 0, False, {"a": {"b": [[[1.5e300, -0.0, 2**53]]]}}, {"": ""}):
            job = await workspace.submit("acme.echo", b"x", input_params=params)
            assert msgspec.json.encode(job.details.input_params) == msgspec.json.encode(params)
