"""Notices from remote services: whom they wake, when, and when they come to nothing."""

import anyio
import pytest

from kyanite.errors import RetryableError
from kyanite.runtime.callbacks import Callbacks
from tests.runtime.places import in_memory, settings

PATIENCE_S = 20.0
ADDRESS = ("default", "a")


def located(workspace):
    """The workspace with a way in from outside."""
    workspace.host.callbacks.locate = "https://jobs.example.org/{}".format
    return workspace


async def ran(behaviour, act):
    """Run one job that behaves so, while `act(callbacks)` is done; return it ended, and what there was then."""
    async with located(in_memory()) as workspace:
        begun = anyio.Event()

        @workspace.target("acme.test")
        async def behaves(task):
            begun.set()
            return await behaviour(task)

        job = await workspace.submit("acme.test", b"", job_id=ADDRESS[1])
        await begun.wait()
        await act(workspace.host.callbacks)
        await job.wait(PATIENCE_S)
        return job, workspace.host.callbacks


async def test_a_notice_wakes_who_waits():
    heard = []

    async def waits(task):
        heard.append(await task.called_back())
        return b""

    async def act(callbacks):
        await anyio.wait_all_tasks_blocked()
        assert not heard
        assert callbacks.notify(ADDRESS)

    job, callbacks = await ran(waits, act)
    assert (job.details.status, heard) == ("Succeeded", [True])
    assert not callbacks.notify(ADDRESS)


async def test_a_notice_before_the_wait_is_found_once_and_so_are_two():
    sent, heard = anyio.Event(), []

    async def waits(task):
        await sent.wait()
        for timeout_s in (None, 0.0, 0.01):
            heard.append(await task.called_back(timeout_s))
        return b""

    async def act(callbacks):
        assert callbacks.notify(ADDRESS)
        assert callbacks.notify(ADDRESS)
        sent.set()

    job, _ = await ran(waits, act)
    assert (job.details.status, heard) == ("Succeeded", [True, False, False])


async def test_each_notice_after_a_wait_is_another():
    asked, heard = [anyio.Event() for _ in range(3)], []

    async def waits(task):
        for event in asked:
            event.set()
            heard.append(await task.called_back(PATIENCE_S))
        return b""

    async def act(callbacks):
        for event in asked:
            await event.wait()
            assert callbacks.notify(ADDRESS)

    job, _ = await ran(waits, act)
    assert (job.details.status, heard) == ("Succeeded", [True, True, True])


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_a_notice_that_is_there_is_found_whatever_the_time(timeout_s):
    sent, heard = anyio.Event(), []

    async def waits(task):
        await sent.wait()
        heard.append(await task.called_back(timeout_s))
        return b""

    async def act(callbacks):
        callbacks.notify(ADDRESS)
        sent.set()

    await ran(waits, act)
    assert heard == [True]


async def test_a_wait_that_is_given_up_takes_no_notice_away():
    given_up, sent, heard = anyio.Event(), anyio.Event(), []

    async def waits(task):
        with anyio.move_on_after(0.001):
            await task.called_back()
        given_up.set()
        await sent.wait()
        heard.append(await task.called_back(PATIENCE_S))
        return b""

    async def act(callbacks):
        await given_up.wait()
        callbacks.notify(ADDRESS)
        sent.set()

    await ran(waits, act)
    assert heard == [True]


async def test_the_url_is_one_for_the_job_over_all_attempts_and_lives():
    workspace, seen = located(in_memory(settings=settings(shutdown_grace_s=0.01))), []

    @workspace.target("acme.test")
    async def fails_first(task):
        seen.append(task.callback_url)
        if task.details.failures == 0:
            raise RetryableError("Busy", "not yet")
        if len(seen) == 2:
            await anyio.sleep_forever()
        return b""

    async with workspace:
        job = await workspace.submit("acme.test", b"", job_id="a", attempts_max=2)
        with anyio.fail_after(PATIENCE_S):
            while len(seen) < 2:
                await anyio.lowlevel.checkpoint()
    async with workspace:
        await (await workspace.get_job(job.id)).wait(PATIENCE_S)
    assert seen == [f"https://jobs.example.org/{ADDRESS}"] * 3


async def test_without_a_way_in_there_is_no_url_and_a_wait_is_a_pause():
    seen = []
    async with in_memory() as workspace:

        @workspace.target("acme.test")
        async def looks(task):
            seen.append((task.callback_url, await task.called_back(0.001)))
            return b""

        await (await workspace.submit("acme.test", b"")).wait(PATIENCE_S)
    assert seen == [(None, False)]


async def test_only_a_job_that_executes_here_is_told_of():
    begun, release = anyio.Event(), anyio.Event()
    async with located(in_memory()) as workspace:

        @workspace.target("acme.test", slots=1)
        async def holds(task):
            begun.set()
            await release.wait()
            return b""

        callbacks, beside = workspace.host.callbacks, await workspace.beside("other")
        first = await workspace.submit("acme.test", b"", job_id="a")
        await begun.wait()
        waiting = await beside.submit("acme.test", b"", job_id="b")
        told = {
            (name, job_id): callbacks.expects((name, job_id)) for name in ("default", "other") for job_id in ("a", "b")
        }
        assert [address for address, there in told.items() if there] == [("default", "a")]
        assert not callbacks.notify(("other", "b"))
        release.set()
        await first.wait(PATIENCE_S)
        await waiting.wait(PATIENCE_S)
        assert not callbacks.expects(("default", "a"))
    assert not callbacks.driven


async def test_a_job_that_was_cancelled_is_told_of_no_more_though_its_provider_is_deaf():
    async with located(in_memory(settings=settings(cancel_grace_s=0.001))) as workspace:
        begun, release = anyio.Event(), anyio.Event()

        @workspace.target("acme.test")
        async def deaf(task):
            begun.set()
            with anyio.CancelScope(shield=True):
                await release.wait()

        job = await workspace.submit("acme.test", b"", job_id="a")
        await begun.wait()
        callbacks = workspace.host.callbacks
        assert callbacks.expects(ADDRESS)
        await job.cancel()
        assert job.details.status == "Cancelled"
        assert ADDRESS in callbacks.driven
        assert not callbacks.notify(ADDRESS)
        release.set()


def test_nobody_is_told_before_there_is_an_engine():
    callbacks = Callbacks()
    assert (callbacks.url(ADDRESS), callbacks.expects(ADDRESS), callbacks.notify(ADDRESS)) == (None, False, False)
