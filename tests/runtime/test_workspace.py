import anyio
import msgspec
import pytest

from kyanite import JobDetails, Provider, Target, Workspace
from kyanite.errors import (
    Conflict,
    InvalidRequest,
    ReadOnly,
    StoreOwned,
    StoreUnavailable,
    WorkspaceClosed,
)
from kyanite.stores.memory import MemoryStore
from tests.runtime.places import in_memory, with_echo

MODEL = [
    "id",
    "name",
    "provider_id",
    "target",
    "container_uri",
    "input_data_uri",
    "input_data_format",
    "input_params",
    "output_data_uri",
    "output_data_format",
    "metadata",
    "tags",
    "priority",
    "status",
    "creation_time",
    "begin_execution_time",
    "end_execution_time",
    "cancellation_time",
    "cost_estimate",
    "error_data",
    "additional_properties",
]


def test_details_have_every_field_of_the_model():
    assert [field.name for field in msgspec.structs.fields(JobDetails)][: len(MODEL)] == MODEL


async def test_what_a_coroutine_returns_is_the_output():
    async with in_memory() as workspace:

        @workspace.target("acme.answer")
        async def answer(task):
            return {"answer": 42}

        @workspace.target("acme.words")
        async def words(task):
            return "42"

        assert await (await workspace.submit("acme.answer", b"")).get_results() == {"answer": 42}
        assert await (await workspace.submit("acme.words", b"")).get_results() == "42"
        assert [target.id for target in workspace.targets()] == ["acme.answer", "acme.words"]


async def test_a_closed_workspace_says_so():
    workspace = with_echo(in_memory())
    with pytest.raises(WorkspaceClosed):
        await workspace.submit("acme.echo", b"x")
    async with workspace:
        job = await workspace.submit("acme.echo", b"x")
    with pytest.raises(WorkspaceClosed):
        await workspace.get_job(job.id)


async def test_an_exception_inside_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with with_echo(in_memory()) as workspace:
            await workspace.submit("acme.echo", b"x")
            raise ZeroDivisionError


async def test_a_store_that_fails_says_so_plainly():
    class Unreadable(MemoryStore):
        async def head(self):
            raise StoreUnavailable("not today")

    with pytest.raises(StoreUnavailable, match="not today"):
        async with in_memory(Unreadable()):
            pass

    class Stolen(MemoryStore):
        async def commit(self, writes):
            raise Conflict("another process owns this store now")

    with pytest.raises(Conflict):
        async with with_echo(in_memory(Stolen())) as workspace:
            with pytest.raises(Conflict):
                await workspace.submit("acme.echo", b"x")
            await anyio.sleep_forever()


async def test_cancellation_from_outside_closes_in_order():
    with anyio.CancelScope() as scope:
        async with with_echo(in_memory()) as workspace:
            job = await workspace.submit("acme.echo", b"x")
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    async with with_echo(in_memory(workspace.host.storage.store, workspace.host.storage.blobs)) as again:
        assert await (await again.get_job(job.id)).get_results() == b"x"


async def test_a_target_is_registered_once():
    async with with_echo(in_memory()) as workspace:
        with pytest.raises(InvalidRequest, match="registered already"):
            with_echo(workspace)


async def test_files_on_disk_have_one_owner_and_any_number_of_readers(tmp_path):
    async with with_echo(Workspace.open(data_dir=tmp_path)) as owner:
        job = await owner.submit("acme.echo", b"x")
        with pytest.raises(StoreOwned):
            async with Workspace.open(data_dir=tmp_path):
                pass
        async with Workspace.open(data_dir=tmp_path, read_only=True) as reader:
            seen = await (await reader.get_job(job.id)).wait(30)
            assert await seen.get_results() == b"x"
            assert await reader.count_jobs(status="succeeded") == 1
            assert len([event async for event in reader.events()]) == 3
            for refused in (
                reader.submit("acme.echo", b"x"),
                seen.cancel(),
                reader.delete_job(seen),
                seen.amend(name="n"),
            ):
                with pytest.raises(ReadOnly):
                    await refused
            with pytest.raises(ReadOnly):
                reader.on_final(name="billing")(None)


async def test_reading_where_nothing_is_creates_nothing(tmp_path):
    with pytest.raises(Exception, match="does not exist"):
        async with Workspace.open(data_dir=tmp_path / "nothing", read_only=True):
            pass
    assert not (tmp_path / "nothing").exists()


async def test_providers_get_ready_when_told_to():
    class Prepared(Provider):
        id = "acme"
        began = 0

        def targets(self):
            return [Target(id="acme.slow", provider_id="acme")]

        async def run(self, task):
            await task.write_output(b"")

        async def prepare(self):
            self.began += 1

    provider = Prepared()
    async with in_memory(providers=[provider]) as workspace:
        assert provider.began == 0
        await workspace.prepare()
        assert provider.began == 1
    with pytest.raises(WorkspaceClosed):
        await workspace.prepare()
