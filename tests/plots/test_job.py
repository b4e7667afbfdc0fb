"""`Job.plot`, with jobs that were executed."""

import anyio
import pytest
from matplotlib.text import Text

from kyanite import RetryableError
from kyanite.errors import InvalidRequest
from tests.plots.jobs import SPINS
from tests.runtime.places import executing, in_memory


def words(figure):
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(Text)}


def with_targets(workspace):
    @workspace.target("acme.solve")
    async def solve(task):
        task.note(convergence=[[0.1, 4, 3.0], [0.2, 9, -17.0]], sweeps=10)
        if task.details.attempt == 1:
            raise RetryableError("Busy", "not yet")
        return SPINS

    @workspace.target("acme.damage")
    async def damage(task):
        await task.write_output(b"{no json", content_type="application/json")

    @workspace.target("acme.endless")
    async def endless(task):
        task.note(convergence=[[0.1, 4, 3.0]], sweeps=10)
        await task.wait_cancel_requested()
        await task.write_output({"solutions": [{"configuration": {}, "cost": 3.0}]})

    return workspace


async def test_a_job_is_drawn_and_written(tmp_path):
    async with with_targets(in_memory()) as workspace:
        job = await workspace.submit("acme.solve", b"", name="spins", attempts_max=2)
        await job.wait()
        figure = await job.plot(tmp_path / "job.png")
    assert (tmp_path / "job.png").read_bytes().startswith(b"\x89PNG")
    assert {"spins", "best \N{MINUS SIGN}17\nafter 9 sweeps", "retry pause", "execution 2"} <= words(figure)


async def test_output_that_is_not_what_it_says_is_said_to_be_unreadable():
    async with with_targets(in_memory()) as workspace:
        job = await workspace.submit("acme.damage", b"")
        await job.wait()
        assert "The output could not be read." in words(await job.plot())


async def test_a_job_is_drawn_while_it_executes_and_with_its_evidence_when_cancelled():
    async with with_targets(in_memory()) as workspace:
        job = await workspace.submit("acme.endless", b"")
        await executing(job)
        running = words(await job.plot())
        await job.cancel()
        cancelled = words(await job.plot())
    assert "The job has no output yet." in running
    assert any(text.endswith(" so far") for text in running)
    assert {"cancel requested", "Solutions: 1", "best 3\nafter 4 sweeps"} <= cancelled


async def test_jobs_are_drawn_at_the_same_time():
    figures = []

    async def drawn(job):
        await job.wait()
        figures.append(await job.plot())

    async with with_targets(in_memory()) as workspace, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(drawn, await workspace.submit("acme.solve", b"", attempts_max=2))
    assert len({id(figure) for figure in figures}) == 3


async def test_the_suffix_is_looked_at_first(tmp_path):
    async with with_targets(in_memory()) as workspace:
        job = await workspace.submit("acme.solve", b"", attempts_max=2)
        with pytest.raises(InvalidRequest, match=r"\.png, \.svg, \.pdf"):
            await job.plot(tmp_path / "job.gif")
