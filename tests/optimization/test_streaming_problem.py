import json

import anyio
import pytest

from kyanite.errors import StorageFull
from kyanite.optimization import ProblemType, SlcTerm, Solver, StreamingProblem, Term
from kyanite.optimization.document import read
from tests.runtime.places import in_memory, with_echo


def many(count):
    return [Term([i, i + 1], None, i / 8) for i in range(count)]


async def stored(problem):
    return read(b"".join([chunk async for chunk in problem.content()]))


async def test_terms_given_in_every_way_come_out_in_order():
    async with in_memory() as workspace:
        problem = await StreamingProblem.create(workspace, "x", many(3), {"0": 0}, ProblemType.pubo, {"who": "me"})
        await problem.add_term(7, [9])
        await problem.add_terms(many(2_500))
        await problem.add_terms([])
        document = await stored(problem)
    expected = [*many(3), Term([9], c=7), *many(2_500)]
    assert document["cost_function"] == {
        "version": "1.1",
        "type": "pubo",
        "initial_configuration": {"0": 0},
        "terms": [term.to_dict() for term in expected],
    }
    assert document["metadata"] == {
        "name": "x",
        "who": "me",
        "type": "pubo",
        "num_terms": "2504",
        "min_coupling": "1",
        "max_coupling": "2",
        "avg_coupling": str((2 * 2_503 + 1) / 2_504),
    }


async def test_it_is_uploaded_once_and_then_solved_by_its_address():
    async with with_echo(in_memory()) as workspace:
        problem = StreamingProblem(workspace, "streamed", many(5_000))
        uri = await problem.upload(workspace)
        assert await problem.upload() == uri == problem.uploaded_uri == problem.uploaded_blob_uri
        job = await Solver(workspace, "acme.echo").submit(problem)
        assert job.details.name == "streamed"
        assert len((await job.get_results())["cost_function"]["terms"]) == 5_000
        assert (await problem.download()).terms == many(5_000)
        with pytest.raises(RuntimeError, match="is uploaded"):
            await problem.add_term(1, [0])


async def test_few_bytes_are_kept_of_many_terms():
    async with in_memory() as workspace:
        problem = StreamingProblem(workspace, terms=many(50_000))
        content = b"".join([chunk async for chunk in problem.content()])
        assert len(content) < 10 * 50_000
        assert problem.stats["num_terms"] == 50_000


async def test_others_run_while_many_terms_are_added():
    turns = []

    async def other():
        while True:
            turns.append(problem.stats["num_terms"])
            await anyio.lowlevel.checkpoint()

    async with in_memory() as workspace, anyio.create_task_group() as group:
        problem = StreamingProblem(workspace)
        group.start_soon(other)
        await problem.add_terms(many(10_000))
        group.cancel_scope.cancel()
    assert len(set(turns)) > 5


async def test_what_can_not_be_streamed_is_refused_and_nothing_is_added():
    async with in_memory() as workspace:
        problem = StreamingProblem(workspace, terms=many(1))
        with pytest.raises(TypeError, match="SlcTerm"):
            await problem.add_terms([Term([5], c=1), SlcTerm([])])
        with pytest.raises(ValueError, match="not finite"):
            await problem.add_term(float("inf"), [0])
        assert problem.stats["num_terms"] == 1
        assert (await stored(problem))["cost_function"]["terms"] == [many(1)[0].to_dict()]


async def test_an_upload_that_failed_can_be_repeated(monkeypatch):
    async with in_memory() as workspace:
        problem = StreamingProblem(workspace, terms=many(10))

        async def full(*_, **__):
            raise StorageFull("no space")

        with monkeypatch.context() as patch:
            patch.setattr(workspace, "upload", full)
            with pytest.raises(StorageFull):
                await problem.upload()
        await problem.add_term(1, [99])
        await problem.upload()
        assert (await problem.download()).terms == [*many(10), Term([99], c=1)]


async def test_empty_or_foreign_problems_are_not_uploaded():
    async with in_memory() as workspace, in_memory() as other:
        problem = StreamingProblem(workspace)
        with pytest.raises(RuntimeError, match="has no terms"):
            await problem.upload()
        with pytest.raises(RuntimeError, match="before it is uploaded"):
            await problem.download()
        await problem.add_term(1, [0])
        with pytest.raises(RuntimeError, match="another workspace"):
            await problem.upload(other)
        with pytest.raises(ValueError, match="must be uploaded"):
            Solver(workspace, "acme.echo").submission(problem)


async def test_each_has_a_name_and_an_id_of_its_own():
    async with in_memory() as workspace:
        one, other = StreamingProblem(workspace), StreamingProblem(workspace)
        assert one.name == "Optimization Problem"
        assert one.id != other.id
        assert json.loads(json.dumps(one.stats))["num_terms"] == 0
