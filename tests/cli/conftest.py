"""A workspace with jobs, made once, and calls in it."""

import asyncio
import os

import pytest

from kyanite.cli.main import main
from tests.cli.places import Call, fill


@pytest.fixture(scope="session")
def jobs(tmp_path_factory):
    """A folder with a job of each kind, and the ids by name. Tests only look at it."""
    folder = tmp_path_factory.mktemp("jobs") / "data"
    return folder, asyncio.run(fill(folder))


@pytest.fixture
def call(capfd, monkeypatch):
    """Call the command line in this process: code, stdout, stderr."""
    for name in os.environ:
        if name.startswith(("KYANITE", "_KYANITE", "NO_COLOR")):
            monkeypatch.delenv(name)

    def called(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Call(code, *capfd.readouterr())

    return called


@pytest.fixture
def look(call, jobs):
    """Call it in the folder with jobs."""
    return lambda *arguments: call(*arguments, "--data-dir", jobs[0])
