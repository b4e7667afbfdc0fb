"""Daemons as people start them, and scripts that are run against them."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).parent / "scripts"
SCRIPT_TIMEOUT_S = 150
END_TIMEOUT_S = 30
# Jobs that need one core each: two run at once, on a small machine too, and those beyond wait.
LIMITS = {"KYANITE_LIMITS__CORES": "2", "KYANITE_PROVIDERS__LOCAL__CORES_PER_JOB": "1"}
_FOREIGN = ("KYANITE", "PYTHON", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_", "SSL_CERT")


class Daemon(NamedTuple):
    """A daemon that runs: what it said of itself at the start, where it keeps things, and its process."""

    told: dict
    folder: Path
    process: subprocess.Popen

    @property
    def address(self):
        """Where it listens, with a slash at the end, as clients of the service are told."""
        return self.told["address"].rstrip("/") + "/"


def environment(**more):
    """The environment of this process without what would lead a client, or the daemon, elsewhere; and more."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)}
    return kept | {"AZURE_TENANT_ID": "00000000-0000-4000-8000-000000000000"} | more


@contextmanager
def serving(folder, *options, **variables):
    """Start a daemon on a free port, and end it the way a supervisor does: it must say goodbye by exit code 0."""
    command = [sys.executable, "-m", "kyanite", "serve", "--listen", "127.0.0.1:0", "--data-dir", folder / ".kyanite"]
    log = folder / "log.txt"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "-o", "json", "-vv", *options],
            env=environment(**LIMITS, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        said = process.stdout.readline()
        assert said, log.read_text()
        yield Daemon(json.loads(said), folder, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    written = log.read_text()
    assert process.returncode == 0, written[-4000:]
    assert "Traceback" not in written, written[-8000:]
    assert "sig=" not in written  # nothing that opens anything is logged


def answers(python, script, folder, **variables):
    """Run a script of this folder with an SDK's interpreter, and return what it reports."""
    child = subprocess.run(
        [python, SCRIPTS / script],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=SCRIPT_TIMEOUT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-4000:]
    return json.loads(child.stdout.splitlines()[-1])
