"""The lines that a daemon prints when it is up are copied and pasted, each where it belongs."""

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.acceptance.daemons import END_TIMEOUT_S, LIMITS, environment

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

LAST = "Ctrl-C"
SHELL = ("export ", "(", "curl ")
# What a person adds to see that it works.
SHOW = "print('jobs:', len(workspace.list_jobs()), [target.name for target in workspace.get_targets()][:1])"
SHOW_ASYNC = "import asyncio; print('jobs:', len(asyncio.run(workspace.list_jobs())))"


@contextmanager
def greeted(folder, *options, **variables):
    """Start a daemon as a person does, and return the sections of what it prints."""
    command = [sys.executable, "-m", "kyanite", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder / ".kyanite"]
    process = subprocess.Popen(
        [*command, *options],
        env=environment(**LIMITS, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield sections(shown(process))
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=END_TIMEOUT_S)
    assert process.returncode == 0, rest


def shown(process):
    """Return what the daemon has printed once it has printed all of it."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(LAST):
            return "".join(lines)
    raise AssertionError("".join(lines))


def sections(text):
    """Return the lines of each section without their indentation, by the first word or two of its heading."""
    found = {}
    for paragraph in text.strip().split("\n\n"):
        heading, *lines = paragraph.splitlines()
        found[heading.partition(":")[0].partition(" (")[0]] = [line.removeprefix("  ") for line in lines]
    return found


def alternatives(lines):
    """Return the lines up to each place where they offer something else, and all of them."""
    ends = [number for number, line in enumerate(lines) if line.startswith("# or")]
    return [lines[:end] for end in (*ends, len(lines))]


def pasted(lines, python, folder, more=SHOW, **variables):
    """Paste the shell's lines into a shell, and then Python's into Python in that shell; return what it prints."""
    shell = [line for line in lines if line.startswith(SHELL)]
    script = folder / "pasted.py"
    script.write_text("\n".join([line for line in lines if line not in shell] + [more]))
    return typed("\n".join([*shell, f"'{python}' '{script}'"]), folder, **variables)


def typed(text, folder, **variables):
    child = subprocess.run(
        ["sh", "-ec", text],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stdout + child.stderr
    return child.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the daemons of this file keep things."""
    return tmp_path_factory.mktemp("greeting")


@pytest.fixture(scope="module", params=["http", "https"])
def greeting(request, folder):
    """What the daemon prints, without and with a certificate of its own making."""
    place = folder / request.param
    place.mkdir()
    with greeted(place, *(("--dev-tls",) if request.param == "https" else ())) as said:
        yield said


def test_it_says_where_it_is_and_what_it_can_do(greeting):
    assert any(re.fullmatch(r"Kyanite listens on https?", heading) for heading in greeting)
    targets = next(lines for heading, lines in greeting.items() if heading.startswith("Targets"))
    assert "microsoft.simulatedannealing.cpu" in " ".join(targets)


def test_the_lines_for_the_retired_sdk_work(greeting, qio_sdk, tmp_path):
    assert "jobs: 0 ['microsoft" in pasted(greeting["azure-quantum 0.27"], qio_sdk, tmp_path)


def test_the_lines_for_the_retired_sdk_work_asynchronously(greeting, qio_sdk, tmp_path):
    lines = [line.replace("from azure.quantum ", "from azure.quantum.aio ") for line in greeting["azure-quantum 0.27"]]
    assert "jobs: 0" in pasted(lines, qio_sdk, tmp_path, SHOW_ASYNC)


def test_the_lines_for_todays_sdk_work(greeting, azure_quantum, tmp_path):
    for lines in alternatives(greeting["azure-quantum 3"]):
        assert "jobs: 0" in pasted(lines, azure_quantum, tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_line_for_curl_works(greeting, tmp_path):
    (line,) = greeting["curl"]
    assert json.loads(typed(line, tmp_path))["value"] == []


def test_the_lines_work_where_keys_are_needed(qio_sdk, azure_quantum, folder):
    place = folder / "keys"
    place.mkdir()
    create = [sys.executable, "-m", "kyanite", "key", "create", "--data-dir", place / ".kyanite", "-o", "json"]
    made = json.loads(subprocess.run(create, env=environment(), capture_output=True, check=True, timeout=60).stdout)
    key = {"KYANITE_API_KEY": made["key"]}
    with greeted(place, "--dev-tls", KYANITE_SERVER__KEYS_REQUIRED="true") as said:
        assert "jobs: 0" in pasted(said["azure-quantum 0.27"], qio_sdk, place, **key)
        for lines in alternatives(said["azure-quantum 3"]):
            assert "jobs: 0" in pasted(lines, azure_quantum, place, **key)
        if shutil.which("curl"):
            assert json.loads(typed(said["curl"][0], place, **key))["value"] == []
            without = typed(said["curl"][0], place, KYANITE_API_KEY="wrong")
            assert json.loads(without)["error"]["code"] == "Unauthorized"
