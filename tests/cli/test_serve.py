"""`kyanite serve` as a process: what it prints, how it refuses, and that it stops."""

import json
import signal
import socket
import ssl
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from kyanite.cli.exits import Exit
from tests.cli.places import PATIENCE_S, child

FREE = ("--listen", "127.0.0.1:0")


@contextmanager
def served(*arguments):
    """A daemon, and the first line that it prints."""
    process = child("serve", *arguments)
    with process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def stopped(process):
    """End it; return its exit code and what else it has printed."""
    process.send_signal(signal.SIGTERM)
    out, err = process.stdout.read(), process.stderr.read()
    return process.wait(PATIENCE_S), out, err


def test_it_greets_and_stops(tmp_path):
    with served(*FREE, "--data-dir", tmp_path) as (process, line):
        address = line.removeprefix("Kyanite listens on ").strip()
        with urlopen(f"{address}/readyz", timeout=PATIENCE_S) as answer:
            assert json.load(answer) == {"status": "ready"}
        code, out, err = stopped(process)
    assert (code, err) == (0, "")
    for word in ("microsoft.simulatedannealing.cpu", "Keys: none", "0.27", "azure-quantum 3", "curl", address):
        assert word in out


def test_for_programs_it_is_one_line(tmp_path):
    with served(*FREE, "--data-dir", tmp_path, "-o", "json") as (process, line):
        told = json.loads(line)
        assert told["address"].startswith("http://127.0.0.1:")
        assert "microsoft.simulatedannealing.cpu" in told["targets"]
        assert stopped(process) == (0, "", "")


def test_quiet_it_is_the_address(tmp_path):
    pytest.importorskip("cryptography")
    with served(*FREE, "--data-dir", tmp_path, "-q", "--dev-tls") as (process, line):
        trusting = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
        with urlopen(f"{line.strip()}/readyz", timeout=PATIENCE_S, context=trusting) as answer:
            assert answer.status == 200
        assert stopped(process) == (0, "", "")


def test_settings_say_where_too(tmp_path):
    (tmp_path / "kyanite.toml").write_text('[server]\nlisten = "localhost:0"\nkeys_required = true\n')
    with served("--config", tmp_path / "kyanite.toml", "--data-dir", tmp_path / "data") as (process, line):
        assert line.startswith("Kyanite listens on http://localhost:")
        assert "and there is none yet" in stopped(process)[1]


def test_why_it_does_not_start_is_one_line(call, tmp_path):
    folder = ("--data-dir", tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert call("serve", "--listen", taken, *folder) == (
            Exit.ERROR,
            "",
            f"kyanite: {taken}: Address already in use\n",
        )
    for arguments, what in (
        (("--listen", "0.0.0.0:0"), "`kyanite key create --data-dir"),
        (("--listen", "8473"), 'server.listen must be an address such as "127.0.0.1:8473"'),
        (("--listen", "127.0.0.1:65536"), "server.listen must be an address"),
    ):
        code, out, err = call("serve", *arguments, *folder)
        assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1)
        assert what in err
    assert not (tmp_path / "data").exists()


def test_a_folder_that_is_served_is_not_served_twice(call, tmp_path):
    with served(*FREE, "--data-dir", tmp_path, "-q") as (process, line):
        code, out, err = call("serve", *FREE, "--data-dir", tmp_path)
        assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1)
        assert f"belongs to process {process.pid} at {line.strip()}" in err
        assert call("job", "list", "--data-dir", tmp_path).code == 0
        assert stopped(process)[0] == 0
