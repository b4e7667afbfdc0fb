"""Workers that die, hang, or lose their parent; scripts written without a thought of processes."""

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from kyanite.errors import RetryableError
from kyanite.problems import max_cut
from kyanite_providers.local import LocalProvider
from kyanite_providers.local import provider as provider_module
from kyanite_providers.local.frames import Done, Ping
from tests.providers.local.faketask import SA, FakeTask, ising
from tests.providers.local.processes import children, exists, is_running, open_files, until_sync

pytestmark = pytest.mark.timeout(180)  # the first may compile

ENDLESS = {"sweeps": 10**9, "restarts": 1, "beta_start": 0.1, "beta_stop": 2}
PROBLEM = max_cut(100, degree=3)

SCRIPT = """
import asyncio
import sys

from kyanite_providers.local import LocalProvider
from tests.providers.local.faketask import FakeTask, ising

async def main():
    async with LocalProvider(workers_max=1) as provider:
        task = FakeTask(ising((-9, 0), (-3, 1, 0), (5, 2, 0)), params={"sweeps": 50})
        await provider.inspect(task)
        await provider.run(task)
        print(task.result["cost"], [name for name in ("numpy", "numba") if name in sys.modules])

asyncio.run(main())
"""

PARENT = """
import asyncio

from kyanite_providers.local import LocalProvider
from tests.providers.local.faketask import FakeTask, ising
from kyanite.problems import max_cut

class Telling(FakeTask):
    def progress(self, fraction=None, **values):
        print("workers:", *provider.worker_pids, *provider._inspectors.pids, flush=True)

async def main():
    global provider
    async with LocalProvider(workers_max=1) as provider:
        await provider.inspect(FakeTask(ising((1, 0))))
        params = {"sweeps": 10**9, "restarts": 1, "beta_start": 0.1, "beta_stop": 2}
        await provider.run(Telling(max_cut(100, degree=3), params=params))

asyncio.run(main())
"""


@contextmanager
def script(tmp_path, text, **more):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text))
    # The folder of a script may hold anything: none of it is meant for the worker.
    (tmp_path / "numpy.py").write_text("raise ImportError('a file of the caller')")
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [sys.executable, "-P", "-W", "error", str(path)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def workers_of(child):
    """The process ids that the script prints, between its log lines."""
    for line in child.stdout:
        if line.startswith("workers:"):
            return [int(pid) for pid in line.split()[1:]]
    raise AssertionError(child.stderr.read())


def test_flat_script_works_and_its_process_loads_no_kernel(tmp_path):
    with script(tmp_path, SCRIPT) as child:
        output, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    assert output.splitlines()[-1] == "-17.0 []"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path, number):
    with script(tmp_path, PARENT) as child:
        pids = workers_of(child)
        assert len(pids) == 2
        assert all(is_running(pid) for pid in pids)
        child.send_signal(number)
        until_sync(lambda: not any(is_running(pid) for pid in pids), 2)
        child.communicate(timeout=10)


def test_ctrl_c_reaches_the_parent_and_ends_all(tmp_path):
    with script(tmp_path, PARENT, start_new_session=True) as child:
        pids = workers_of(child)
        os.killpg(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert "ResourceWarning" not in errors
    assert not any(exists(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_death_in_the_middle_fails_that_job_alone(number):
    files, before = open_files(), children()
    async with LocalProvider(workers_max=1) as provider:
        task = FakeTask(PROBLEM, SA, ENDLESS)
        errors: list[RetryableError] = []

        async def run():
            try:
                await provider.run(task)
            except RetryableError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await task.progressed.wait()
            os.kill(provider.worker_pids[0], number)
        (error,) = errors
        assert error.error.code == "WorkerDied"
        assert number.name in error.error.message
        assert task.written == b""
        after = FakeTask(ising((1, 0)), SA, {"sweeps": 5})
        await provider.run(after)
        assert after.result["cost"] == -1
    assert children() == before
    assert open_files() == files


async def test_worker_that_does_not_stop_is_killed_after_its_grace(monkeypatch):
    monkeypatch.setattr(provider_module, "STOP_GRACE_S", 0.1)
    async with LocalProvider(workers_max=1) as provider:
        task = FakeTask(PROBLEM, SA, ENDLESS)
        async with anyio.create_task_group() as group:
            group.start_soon(provider.run, task)
            await task.progressed.wait()
            (pid,) = provider.worker_pids
            os.kill(pid, signal.SIGSTOP)
            task.cancelled.set()
        assert task.written == b""
        after = FakeTask(ising((1, 0)), SA, {"sweeps": 5})
        await provider.run(after)
        assert provider.worker_pids != [pid]
        assert not exists(pid)


async def test_unwritable_cache_folder_is_no_obstacle(tmp_path):
    """Kernels are kept in scratch then. That none is compiled here is for the sake of time: it takes minutes."""
    blocker = tmp_path / "file"
    blocker.write_text("no folder")
    async with LocalProvider(workers_max=1, cache_dir=blocker) as provider:
        scratch = provider._scratch.path
        assert Path(provider._environment["NUMBA_CACHE_DIR"]).is_relative_to(scratch)
        assert isinstance(await provider._inspectors.ask(Ping()), Done)
        assert scratch.exists()
    assert not scratch.exists()
