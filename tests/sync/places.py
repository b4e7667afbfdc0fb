"""Workspaces and scripts for the tests of the blocking face."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio

import kyanite
from kyanite import ProviderError
from kyanite.config import LimitSettings, Settings
from kyanite.core.job import Target
from kyanite.runtime.coroutines import CoroutineProvider
from kyanite.sync import Workspace

SETTINGS = Settings(limits=LimitSettings(cores=4, shutdown_grace_s=0.2, cancel_grace_s=5.0))


async def echo(task):
    await task.write_output(await task.read_input())


async def refuse(task):
    raise ProviderError("AZQ102", "terms are missing")


async def until_cancelled(task):
    await task.wait_cancel_requested()
    return kyanite.Status.CANCELLED


def acme():
    """Providers of targets that echo, fail, and run until they are cancelled."""
    functions = {"acme.echo": echo, "acme.fail": refuse, "acme.endless": until_cancelled}
    return [CoroutineProvider(Target(id=name, provider_id="acme"), function) for name, function in functions.items()]


def workspace_in(folder, **options):
    """A workspace in this folder, with the targets of `acme`."""
    return Workspace(**{"settings": SETTINGS, "data_dir": folder, "providers": acme(), **options})


def executing(job):
    """Return the job once it executes."""
    for update in job.updates():
        if isinstance(update, kyanite.Began):
            return job
    raise AssertionError("it never began")


def rows(folder, name="default"):
    """The rows that are stored there, read by the asynchronous face, which must be able to own the store."""
    return anyio.run(partial(_rows, folder, name))


async def _rows(folder, name):
    settings = kyanite.config.Settings(workspace=name)
    async with kyanite.Workspace.open(settings, data_dir=folder, drive=False) as workspace:
        return [job.details async for job in workspace.list_jobs()]


def start(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a flat script, with nothing around it, in a folder of its own."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("KYANITE_")}
    return subprocess.Popen(
        [sys.executable, path.name, *arguments],
        cwd=folder,
        env=env | {"PYTHONWARNINGS": "error"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(pid: int) -> list[int]:
    """The worker processes of this machine that a process with this id has started, and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:  # it has ended meanwhile
            words = []
        if b"kyanite_providers.local.worker" in words and str(pid).encode() in words:
            found.append(int(entry.name))
    return found
