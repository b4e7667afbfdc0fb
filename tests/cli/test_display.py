"""The display on a terminal, as a person sees it: real jobs that do what the test tells them."""

import asyncio
import os
import re
import signal
import sys
from collections import defaultdict
from contextlib import asynccontextmanager

import anyio
import pytest

from kyanite import ProviderError, RetryableError
from kyanite.cli import display
from kyanite.cli.display import follow
from tests.cli.terminal import MARK, terminal
from tests.runtime.places import executing, in_memory, settings


class Stage:
    """A workspace on whose target jobs do what they are told, one after another, by name."""

    def __init__(self, workspace, slots):
        self.workspace = workspace
        self._told = defaultdict(asyncio.Queue)
        workspace.target("acme.stage", slots=slots)(self._play)

    def tell(self, name, *steps):
        for step in steps:
            self._told[name].put_nowait(step)

    async def submit(self, *names, **options):
        return [await self.workspace.submit("acme.stage", b"x", name=name, **options) for name in names]

    async def _play(self, task):
        while (step := await self._told[task.details.name].get()) != "end":
            if isinstance(step, Exception):
                raise step
            task.progress(step[0], best_cost=step[1])
        return b"x"


@asynccontextmanager
async def staged(slots=64, **limits):
    async with in_memory(settings=settings(progress_interval_s=0.0, **limits)) as workspace:
        yield Stage(workspace, slots)


@asynccontextmanager
async def watched(columns=80, rows=24, **env):
    """A terminal that stands for stderr."""
    with pytest.MonkeyPatch.context() as patched, terminal(columns, rows) as screen:
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
            patched.delenv(name, raising=False)
        for name, value in ({"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)} | env).items():
            patched.setenv(name, value)
        with os.fdopen(os.dup(screen.follower), "w", encoding=env.get("ENCODING", "utf-8")) as stderr:
            patched.setattr(sys, "stderr", stderr)
            yield screen


async def submitted(stage, *names, **options):
    return [await stage.workspace.submit("acme.stage", b"x", name=name, **options) for name in names]


async def test_a_job_is_shown_from_waiting_to_its_end(capfd):
    async with staged(slots=1) as stage, watched() as screen:
        async with anyio.create_task_group() as group:
            _, job = await stage.submit("other", "three spins")
            group.start_soon(follow, [job])
            assert (await screen.shows("waiting")).startswith("three spins  waiting")
            assert screen.screen.cursor is False
            stage.tell("other", "end")
            await screen.shows("executing")
            stage.tell("three spins", (0.25, -3))
            await screen.shows("━", "25%", "best -3")
            stage.tell("three spins", (0.5, -16.5))
            assert "█" in await screen.shows("50%", "best -16.5")
            stage.tell("three spins", "end")
        assert job.details.status == "Succeeded"
        ending = r"✔ three spins  succeeded  \d+(ms|\.\ds)  best -16.5  █▁"
        assert re.fullmatch(ending, await screen.settled())
        assert screen.screen.cursor
    assert capfd.readouterr().out == ""


async def test_endings_stay_each_with_its_mark_and_reason():
    async with staged() as stage, watched() as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit("good", "bad", "unwanted", "on and on")
            group.start_soon(follow, jobs)
            await screen.shows("0 of 4 ended")
            stage.tell("good", "end")
            await screen.shows("✔ good  succeeded", "1 of 4 ended")
            stage.tell("bad", ProviderError("OutOfRange", "larger than " + "very " * 40 + "large"))
            await screen.shows("✘ bad  failed", "OutOfRange: larger than very", "2 of 4 ended")
            await executing(jobs[2])
            group.start_soon(jobs[2].cancel)
            await screen.shows("cancelling")
            stage.tell("unwanted", "end")
            await screen.shows("■ unwanted  cancelled", "3 of 4 ended")
            stage.tell("on and on", "end")
        lines = (await screen.settled()).splitlines()
        assert [line[:5] for line in lines] == ["✔ goo", "✘ bad", "■ unw", "✔ on "]
        assert len(lines[1]) == 79
        assert [job.details.status.value for job in jobs] == ["Succeeded", "Failed", "Cancelled", "Succeeded"]


async def test_a_second_attempt_is_told():
    async with staged() as stage, watched() as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit("patient", attempts_max=2)
            group.start_soon(follow, jobs)
            stage.tell("patient", RetryableError("Busy", "later"))
            await screen.shows("attempt 2")
            stage.tell("patient", "end")
        assert (await screen.settled()).startswith("✔ patient  succeeded")


async def test_more_jobs_than_fit_are_counted_and_those_that_execute_come_first():
    async with staged(slots=2) as stage, watched(rows=8) as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit(*(f"job {number}" for number in range(20)))
            group.start_soon(follow, jobs[::-1])
            text = await screen.shows("executing", "0 of 20 ended; not shown: 14 waiting")
            assert [line.split("  ")[0] for line in text.splitlines()[:3]] == ["job 0", "job 1", "job 2"]
            assert len(text.splitlines()) == 7
            for number in range(20):
                stage.tell(f"job {number}", "end")
        text = await screen.settled()
        assert text.count("succeeded") == len(text.splitlines()) == 20


@pytest.mark.parametrize("columns", [10, 20, 40, 60, 200])
async def test_no_line_is_wider_than_the_terminal(columns):
    async with staged() as stage, watched(columns) as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit("a name that is far too long for most", "b")
            group.start_soon(follow, jobs)
            for job in jobs:
                stage.tell(job.details.name, (0.5, -123456.75), (0.75, -1e30))
            await screen.until(lambda text: "75%" in text or (columns <= 40 and "executing" in text) or columns <= 20)
            for job in jobs:
                stage.tell(job.details.name, "end")
        assert await screen.settled()
        assert max(len(line) for line in screen.screen.lines) < columns


async def test_no_color_draws_without_colours():
    async with staged() as stage, watched(NO_COLOR="1") as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit("grey")
            group.start_soon(follow, jobs)
            stage.tell("grey", (0.5, -3))
            await screen.shows("50%")
            stage.tell("grey", "end")
        await screen.settled()
        styles = re.findall(r"\x1b\[([0-9;]*)m", screen.screen.raw)
        assert set(";".join(styles).split(";")) <= {"", "0", "2"}, "2 is dim, which is no colour"


async def test_a_terminal_that_knows_only_ascii_gets_ascii():
    async with staged() as stage, watched(ENCODING="ascii") as screen:
        async with anyio.create_task_group() as group:
            jobs = await stage.submit("plain")
            group.start_soon(follow, jobs)
            stage.tell("plain", (0.25, -3), (0.5, -4))
            await screen.shows("#", "50%")
            stage.tell("plain", "end")
        assert (await screen.settled()).startswith("+ plain  succeeded")
        assert screen.screen.raw.isascii()


@pytest.mark.parametrize("how", ["quiet", "dumb", "pipe"])
async def test_nothing_is_drawn_when_nobody_would_see_it(capfd, how):
    async with staged() as stage, watched(**({"TERM": "dumb"} if how == "dumb" else {})) as screen:
        jobs = await stage.submit("a", "b")
        for name in "ab":
            stage.tell(name, "end")
        with pytest.MonkeyPatch.context() as patched:
            if how == "pipe":
                patched.setattr(sys, "stderr", sys.__stderr__)
            await follow(jobs, quiet=how == "quiet")
        assert all(job.details.final for job in jobs)
        await screen.settled()
        assert screen.screen.raw == MARK
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [True, False])
async def test_the_time_limit_leaves_a_clean_terminal(quiet):
    async with staged(shutdown_grace_s=0.01) as stage, watched() as screen:
        jobs = await stage.submit("endless")
        with pytest.raises(TimeoutError):
            await follow(jobs, quiet=quiet, timeout_s=0.3)
        assert await screen.settled() == ""
        assert ("endless" in screen.screen.raw) is not quiet
        assert screen.screen.cursor


async def test_jobs_that_have_ended_before_are_not_drawn():
    async with staged() as stage, watched() as screen:
        jobs = await stage.submit("early")
        stage.tell("early", "end")
        await jobs[0].wait(10)
        await follow(jobs)
        assert await screen.settled() == ""


async def test_an_error_on_the_way_is_raised_as_itself(monkeypatch):
    async with staged(shutdown_grace_s=0.01) as stage, watched() as screen:
        jobs = await stage.submit("a", "b")
        monkeypatch.setattr(display.JobProgress, "hear", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await follow(jobs)
        assert await screen.settled() == ""
        assert screen.screen.cursor


SCRIPT = """
import sys

import anyio

from kyanite import Workspace
from kyanite.cli.display import follow
from kyanite.cli.interrupts import run
from kyanite.cli.session import Session
from kyanite.config import LimitSettings, Settings

async def main():
    limits = LimitSettings(shutdown_grace_s=0.0)
    async with Workspace.open(Settings(data_dir=sys.argv[1], limits=limits), providers=[]) as workspace:

        @workspace.target("acme.endless")
        async def endless(task):
            task.progress(0.5, best_cost=-1.5)
            await anyio.sleep_forever()

        await follow([await workspace.submit("acme.endless", "x", name="endless")])

try:
    run(main, Session())
except Exception as stop:
    print(stop.code)
"""


async def test_a_terminal_of_its_own_with_every_size_and_ctrl_c(tmp_path):
    with terminal(100, 24) as screen:
        environment = {
            name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}
        }
        process = await anyio.open_process(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            stderr=screen.follower,
            env=environment | {"TERM": "xterm"},
        )
        async with process:
            wide = await screen.shows("endless", "executing", "50%", "best -1.5")
            screen.resize(30, 10)
            narrow = await screen.until(lambda text: text.startswith("endless") and "best" not in text)
            assert len(narrow) < 30 < len(wide)
            assert not screen.screen.cursor
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
            assert await process.stdout.receive() == b"130\n"
            await screen.until(lambda text: text == "")
            assert screen.screen.cursor
