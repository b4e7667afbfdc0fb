"""Interpreters with SDKs that can not be installed beside us: made once from a lock, and kept in the cache folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parent.parent / "requirements"
PATIENCE_S = 270


@pytest.fixture(scope="session")
def qio_sdk():
    """An interpreter that has the retired QIO SDK."""
    return interpreter("qio-sdk.lock", python_max=(3, 12))


@pytest.fixture(scope="session")
def azure_quantum():
    """An interpreter that has today's Azure Quantum SDK."""
    return interpreter("azure-quantum.lock")


def interpreter(lock, python_max=None):
    """Return an interpreter that has what a file of requirements/ pins; skip the test if there can be none here.

    CI has no excuse: there the test fails, unless Python is newer than the SDK can be used with.
    """
    if python_max is not None and sys.version_info[:2] > python_max:
        pytest.skip(f"{lock} needs Python {'.'.join(map(str, python_max))} or older")
    try:
        return made(REQUIREMENTS / lock)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        problem = f"{lock} can not be installed: {said[-1]}"
        if os.environ.get("CI") == "true":
            pytest.fail(problem)
        pytest.skip(problem)


def made(lock):
    """Return the interpreter for this lock and this Python; whoever comes first makes it, and the others wait."""
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache() / f"{lock.stem}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    ready, python = folder / "ready", folder / "bin" / "python"
    with folder.with_suffix(".turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (ready.exists() and python.exists()):
            shutil.rmtree(folder, ignore_errors=True)
            run(sys.executable, "-I", "-m", "venv", folder)
            install = ("install", "--disable-pip-version-check", "--quiet", "--require-hashes", "--requirement", lock)
            run(python, "-I", "-m", "pip", *install)
            ready.touch()
    return python


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kyanite" / "tests"


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
