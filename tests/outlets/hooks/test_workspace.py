"""Hooks of a workspace in a real folder: through failures, restarts and its end."""

import json

import anyio
import pytest
from msgspec.structs import replace

from kyanite import Workspace
from kyanite.config import HookSettings, LimitSettings, Settings
from kyanite.errors import ConfigError, ProviderError
from kyanite.outlets import hooks
from kyanite.runtime.delivery import CLOSING_S
from tests.outlets.hooks.processes import PATIENCE_S, alive, is_child, numbers, until


def opened(tmp_path, *given):
    """Open a workspace in which a shell hears how jobs end."""
    hook = HookSettings(run=("sh", "-c", *map(str, given)), name="tell")
    limits = LimitSettings(shutdown_grace_s=0.2)
    return Workspace.open(Settings(data_dir=str(tmp_path / "data"), hooks=(hook,), limits=limits))


async def ended(workspace, **options):
    """Return a job that has ended; one that is called `bad` has failed."""

    @workspace.target("test.echo")
    async def echo(task):
        if task.details.name == "bad":
            raise ProviderError("Refused", "no; $(touch pwned)")
        await task.write_output("done")

    return await (await workspace.submit("test.echo", {}, **options)).wait(PATIENCE_S)


async def attempted(workspace, count):
    """Return the attempts to deliver, newest first, once there are so many."""
    found = []
    with anyio.fail_after(PATIENCE_S):
        while len(found) < count:
            await anyio.sleep(0.005)
            found = [attempt async for attempt in workspace.deliveries.attempts("hook/tell")]
    return found


async def test_a_hook_is_run_with_what_happens_to_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = 'cat > read; printf "%s;" "$@" "$KYANITE_DATA_DIR" "$KYANITE_WORKSPACE"'
    async with opened(
        tmp_path, script, "sh", "{job.name}", "{event.type} {job.status}", "{error.message}"
    ) as workspace:
        job = await ended(workspace, name="bad")
        (attempt,) = await attempted(workspace, 1)
    assert attempt.excerpt == f"bad;Failed Failed;no; $(touch pwned);{tmp_path / 'data'};default;"
    assert (attempt.taken, attempt.status, attempt.number, attempt.job_id) == (True, 0, 1, job.id)
    read = json.loads((tmp_path / "read").read_bytes())
    assert (read["event"]["type"], read["event"]["position"]) == ("Failed", attempt.position)
    assert (read["job"]["id"], read["job"]["error_data"]["code"]) == (job.id, "Refused")
    assert not (tmp_path / "pwned").exists()


async def test_a_hook_that_fails_is_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "MANNER", replace(hooks.MANNER, delays_s=(0.01,)))
    script = 'mkdir "$1" && echo not yet && exit 9; echo "$2"'
    async with opened(tmp_path, script, "sh", tmp_path / "once", "{job.id}") as workspace:
        job = await ended(workspace)
        second, first = await attempted(workspace, 2)
        assert [letter async for letter in workspace.deliveries.letters("hook/tell")] == []
    assert (first.number, first.taken, first.status, first.excerpt) == (1, False, 9, "not yet")
    assert (second.number, second.taken, second.status) == (2, True, 0)
    assert second.excerpt.endswith(f"\n{job.id}")  # behind what mkdir says


async def test_a_hook_hears_after_a_restart_what_it_has_not_taken(tmp_path, monkeypatch):
    # Just longer than what the end of a workspace waits for.
    monkeypatch.setattr(hooks, "MANNER", replace(hooks.MANNER, delays_s=(CLOSING_S + 0.2,), jitter=0.0))
    async with opened(tmp_path, "exit 1") as workspace:
        job = await ended(workspace)
        await attempted(workspace, 1)
        (letter,) = [letter async for letter in workspace.deliveries.letters("hook/tell")]
        assert (letter.job_id, letter.dead, letter.attempts) == (job.id, False, 1)
        assert "sh ended with exit status 1" in letter.error
    async with opened(tmp_path, 'echo "$1"', "sh", "{job.id}") as workspace:
        later, _ = await attempted(workspace, 2)
    assert (later.number, later.excerpt, later.taken) == (2, job.id, True)


async def test_the_end_of_a_workspace_ends_a_hook_and_the_next_one_runs_it_again(tmp_path):
    pids, told = tmp_path / "pids", tmp_path / "told"
    async with opened(tmp_path, 'echo $$ > "$1"; exec sleep 60', "sh", pids) as workspace:
        job = await ended(workspace)
        (pid,) = await numbers(pids, 1)
    assert not is_child(pid)
    assert not alive(pid)
    async with opened(tmp_path, 'echo "$2" > "$1"', "sh", told, "{job.id}"):
        await until(lambda: told.exists() and told.read_text())
    assert told.read_text() == f"{job.id}\n"


def test_a_hook_that_can_not_be_run_is_refused_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match=r"hooks\.0\.run\.2 has \{job\.nam\} in it"):
        opened(tmp_path, "{job.nam}")
