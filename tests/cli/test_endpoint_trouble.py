"""What goes wrong on the way to a daemon is one line and an exit code, and no job is lost by it."""

import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from kyanite.cli import wait, way
from kyanite.cli.exits import Exit
from kyanite.http.keys import Keys
from tests.cli.daemons import daemon_over, stop
from tests.cli.places import ENDLESS, PATIENCE_S, PROBLEM, Call, child, on_terminal, until


@pytest.fixture
def problem(tmp_path):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    return tmp_path / "problem.json"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """One for all tests that do not stop it."""
    with daemon_over(tmp_path_factory.mktemp("daemon") / "data") as running:
        yield running
        stop(running)


@pytest.fixture
def mortal(call, problem, tmp_path):
    """A daemon to be stopped, and a job there that does not end by itself."""
    with daemon_over(tmp_path / "data") as running:
        yield running, call("job", "submit", problem, *ENDLESS, "--endpoint", running.address).out.strip()


@pytest.fixture
def endless(call, daemon, problem):
    """A job that executes on the daemon, and does not end by itself."""
    job_id = call("job", "submit", problem, *ENDLESS, "--endpoint", daemon.address).out.strip()
    executing(call, daemon, job_id)
    yield job_id
    call("job", "cancel", job_id, "--endpoint", daemon.address)


@pytest.fixture
def closed_port():
    """An address at which nothing listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


def executing(call, daemon, job_id):
    listed = ("job", "list", "-s", "executing", "-o", "name", "--endpoint", daemon.address)
    until(lambda: job_id in call(*listed).out, "the job does not execute")


def while_waiting(monkeypatch, act):
    """Act when the wait for jobs has begun, before its end can be seen."""
    before = wait.until_ended

    async def until_ended(*arguments):
        act()
        await before(*arguments)

    monkeypatch.setattr(wait, "until_ended", until_ended)


def kill(daemon):
    daemon.process.kill()
    daemon.process.wait(PATIENCE_S)


def one_line(left, code=Exit.ERROR):
    assert (left.code, left.out, left.err.count("\n")) == (code, "", 1)
    return left.err


def test_no_daemon_there_is_told_at_once(call, closed_port, problem, monkeypatch):
    began = time.monotonic()
    for words in (("job", "list"), ("solve", problem), ("key", "list"), ("check",), ("target", "list")):
        err = one_line(call(*words, "--endpoint", closed_port))
        assert err == f"kyanite: The daemon does not answer: {closed_port}: Connection refused\n"
    monkeypatch.setenv("KYANITE_ENDPOINT", closed_port)
    assert closed_port in one_line(call("job", "list"))
    assert time.monotonic() - began < way.PATIENCE_S / 4


def test_what_can_be_no_endpoint_is_a_usage_error(call, tmp_path, monkeypatch):
    for address in ("127.0.0.1:8473", "ftp://host", "http://", "http://user:hidden@host", "http://host:99999"):
        err = one_line(call("job", "list", "--endpoint", address), Exit.USAGE)
        assert "invalid value for --endpoint: " in err.lower()
        assert "hidden" not in err
    err = one_line(call("job", "list", "--endpoint", "http://host", "--data-dir", tmp_path), Exit.USAGE)
    assert err.startswith("kyanite: --endpoint and --data-dir exclude each other")
    monkeypatch.setenv("KYANITE_ENDPOINT", "nowhere")
    assert "KYANITE_ENDPOINT" in one_line(call("job", "list"), Exit.USAGE)


def test_the_environment_names_a_daemon_and_the_command_line_a_folder(call, jobs, closed_port, daemon, monkeypatch):
    monkeypatch.setenv("KYANITE_ENDPOINT", closed_port)
    assert len(call("job", "list", "-o", "name", "--data-dir", jobs[0]).out.split()) == len(jobs[1])
    monkeypatch.setenv("KYANITE_ENDPOINT", daemon.address)
    monkeypatch.setenv("KYANITE_DATA_DIR", str(jobs[0]))
    monkeypatch.setenv("KYANITE_CONFIG", "/there/is/none.toml")
    assert call("job", "list") == (0, "", "no jobs\n")


def test_other_workspaces(call, daemon, problem, monkeypatch):
    endpoint = ("--endpoint", daemon.address)
    sent = call("job", "submit", problem, "-w", "team", "-o", "name", *endpoint).out
    assert call("job", "list", "-o", "name", *endpoint).out == ""
    assert call("job", "list", "-o", "name", "-w", "team", *endpoint).out == sent
    monkeypatch.setenv("KYANITE_WORKSPACE", "team")
    assert call("job", "list", "-o", "name", *endpoint).out == sent
    assert call("job", "list", "-o", "name", "-w", "default", *endpoint).out == ""


def test_a_wrong_key_and_one_that_may_not(call, daemon, problem, monkeypatch):
    _, key = Keys(daemon.folder).create("reader", workspace="default")
    monkeypatch.setenv("KYANITE_API_KEY", key[:-1] + ("0" if key[-1] != "0" else "1"))
    for words in (("job", "list"), ("solve", problem), ("check",), ("key", "list")):
        err = one_line(call(*words, "--endpoint", daemon.address))
        assert err == "kyanite: The key does not allow this: this key is not known, or was revoked\n"
    monkeypatch.setenv("KYANITE_API_KEY", key)
    assert call("job", "list", "--endpoint", daemon.address).code == 0
    for words in (("check",), ("doctor",), ("config", "show"), ("key", "list")):
        err = one_line(call(*words, "--endpoint", daemon.address))
        assert err.startswith("kyanite: The key does not allow this: this takes a key of scope ")
    err = one_line(call("job", "list", "-w", "team", "--endpoint", daemon.address))
    assert err == "kyanite: The key does not allow this: the key is one of another workspace\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)])
def test_interrupted_while_it_waits(call, daemon, problem, number, code):
    process = child("solve", problem, *ENDLESS, "--job-id", f"by-{number}", "--endpoint", daemon.address)
    executing(call, daemon, f"by-{number}")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    again = f"by-{number} --endpoint {daemon.address}"
    assert (process.returncode, out) == (code, "")
    assert err == (
        f"kyanite: interrupted; job by-{number} is kept: "
        f"`kyanite job wait {again}` goes on, `kyanite job cancel {again}` gives up\n"
    )
    assert call("job", "cancel", f"by-{number}", "-q", "--endpoint", daemon.address).code == 0


def test_a_daemon_that_stops_meanwhile(call, mortal, monkeypatch):
    daemon, endless = mortal
    monkeypatch.setattr(way, "PATIENCE_S", 0.2)
    while_waiting(monkeypatch, lambda: kill(daemon))
    err = one_line(call("job", "wait", endless, "--endpoint", daemon.address))
    assert err.startswith(f"kyanite: The daemon does not answer: {daemon.address}")
    assert f"; job {endless} is kept: `kyanite job wait {endless} --endpoint {daemon.address}` goes on" in err


def test_not_ended_in_time(call, daemon, endless):
    err = one_line(call("job", "wait", endless, "--timeout", "0.1", "--endpoint", daemon.address), Exit.TIMED_OUT)
    assert err.startswith(f"kyanite: not ended in time; job {endless} is kept: ")


def test_how_far_a_job_is_there(daemon, endless):
    words = ("job", "watch", endless, "--timeout", "2", "--endpoint", daemon.address)
    code, shown = on_terminal(*words, columns=100)
    assert code == Exit.TIMED_OUT
    assert "executing" in shown
    assert "best -12" in shown


def test_the_folder_of_a_daemon_that_asks_for_keys(call, problem, tmp_path):
    folder = ("--data-dir", tmp_path / "data")
    (tmp_path / "kyanite.toml").write_text("[server]\nkeys_required = true\n")
    with daemon_over(tmp_path / "data", "--config", tmp_path / "kyanite.toml") as daemon:
        assert "a key is needed" in one_line(call("job", "list", "--endpoint", daemon.address))
        code, out, err = call("solve", problem, "-p", "seed=7", "--job-id", "one", "-o", "name", "-v", *folder)
        assert (code, out) == (0, "one\n")
        assert err.splitlines()[0] == f"on the daemon at {daemon.address}"
        code, out, err = call("job", "submit", problem, "--job-id", "two", *folder)
        assert (code, out) == (0, "two\n")
        assert err.startswith(f"the daemon at {daemon.address} executes it; `kyanite job wait two --data-dir")
        assert call("job", "wait", "two", "-o", "name", *folder).out == "two\n"
        assert call("job", "cancel", "two", "-o", "name", *folder).code == 0
        assert call("job", "list", "-v", *folder).err == f"looking into {tmp_path / 'data'}\n"
        stop(daemon)
    assert call("job", "submit", problem, "-v", *folder).err.startswith(f"opened {tmp_path / 'data'}\nit waits in")


def test_tls_that_was_made_for_this_machine(call, problem, tmp_path, monkeypatch):
    pytest.importorskip("cryptography")
    folder = ("--data-dir", tmp_path / "data")
    with daemon_over(tmp_path / "data", "--dev-tls") as daemon:
        assert daemon.address.startswith("https://")
        assert call("solve", problem, "-p", "seed=7", "-o", "name", "--job-id", "one", *folder).out == "one\n"
        process = child("job", "list", "--endpoint", daemon.address)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert "is not who it says: " in one_line(Call(process.returncode, out, err))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "data" / "tls" / "ca.pem"))
        assert call("job", "list", "-o", "name", "--endpoint", daemon.address).out == "one\n"
        stop(daemon)


def test_a_door_that_is_not_to_be_read(call, daemon, problem, monkeypatch):
    monkeypatch.setattr(way, "STARTING_S", 0.0)
    (daemon.folder / "daemon.json").rename(daemon.folder / "elsewhere")
    err = one_line(call("solve", problem, "--data-dir", daemon.folder))
    (daemon.folder / "elsewhere").rename(daemon.folder / "daemon.json")
    assert err == (
        f"kyanite: process {daemon.process.pid} has {daemon.folder} open; it is the daemon at {daemon.address}, which "
        "--endpoint and a key in KYANITE_API_KEY reach\n"
    )


def test_waiting_by_the_folder_is_told_of_the_end(call, daemon, endless):
    process = child("job", "watch", "-o", "name", "--data-dir", daemon.folder)
    assert process.stderr.readline() == f"the daemon at {daemon.address} executes the jobs; this one looks on\n"
    assert call("job", "cancel", endless, "--endpoint", daemon.address).code == 0
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (Exit.JOB_CANCELLED, f"{endless}\n", "")


def test_waiting_by_the_folder_goes_on_when_the_daemon_is_gone(call, mortal, monkeypatch):
    """This process takes the jobs over, and does not end them in the time that it has."""
    daemon, endless = mortal
    seen = []

    def act():
        seen.append(daemon.process.poll())
        kill(daemon)

    while_waiting(monkeypatch, act)
    monkeypatch.setattr(wait, "OWNER_CHECK_S", 0.05)
    code, out, err = call("job", "wait", endless, "--timeout", "1.5", "-v", "--data-dir", daemon.folder)
    assert (code, out) == (Exit.TIMED_OUT, "")
    assert seen == [None, -signal.SIGKILL]
    lines = err.splitlines()
    assert lines.index(f"on the daemon at {daemon.address}") < lines.index(f"opened {daemon.folder}")
    assert lines[-1].startswith(f"kyanite: not ended in time; job {endless} is kept: ")
    assert call("job", "cancel", endless, "--data-dir", daemon.folder).code == 0


def test_the_key_is_nowhere_to_be_seen(call, daemon, endless):
    """Neither in what is said, nor in the arguments of a process."""
    key = (daemon.folder / "daemon.json").read_text().split('"key":"')[1].split('"')[0]
    process = child("job", "wait", endless, "-vv", "--data-dir", daemon.folder)
    heard = process.stderr.readline() + Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8")
    process.send_signal(signal.SIGINT)
    heard += "".join(process.communicate(timeout=PATIENCE_S))
    assert endless in heard
    assert key not in heard
    assert stat.S_IMODE((daemon.folder / "daemon.json").stat().st_mode) == 0o600
