"""What the service manager hears, over a socket such as systemd's: of a notifier, and of a daemon in its process."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.request import urlopen

import anyio
import anyio.lowlevel
import pytest

from kyanite.errors import StoreUnavailable
from kyanite.http import notify
from kyanite.http.notify import Notifier, from_environment
from tests.house.tree import ROOT
from tests.http.notify_socket import PATIENCE_S, listening

PERIOD_S = 0.4
DAEMON_PERIOD_S = 4.0
"""Longer: a daemon on a busy machine is late."""


@pytest.mark.parametrize("abstract", [False, True])
def test_each_message_is_one_datagram_of_lines(tmp_path, abstract):
    with listening(tmp_path, abstract=abstract) as manager:
        notifier = from_environment({"NOTIFY_SOCKET": manager.address})
        notifier.ready("serving at http://127.0.0.1:8473")
        notifier.stopping("two\nlines\rmany\x85more")
        assert [manager.next() for _ in range(2)] == [
            {"READY": "1", "STATUS": "serving at http://127.0.0.1:8473"},
            {"STOPPING": "1", "STATUS": "two lines many more"},
        ]


def test_a_reload_has_its_time_and_always_an_end(tmp_path):
    with listening(tmp_path) as manager:
        notifier = Notifier(manager.address)
        before_us = time.monotonic_ns() // 1_000
        with pytest.raises(ZeroDivisionError), notifier.reloading():
            raise ZeroDivisionError
        began, ended = manager.next(), manager.next()
        assert began["RELOADING"] == "1"
        assert before_us <= int(began["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1_000
        assert ended == {"READY": "1"}


def test_without_a_manager_nothing_happens(monkeypatch):
    monkeypatch.setattr(notify, "socket", None)  # whoever made one would fail
    for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}, {"NOTIFY_SOCKET": "run/notify"}):
        notifier = from_environment(environ)
        notifier.ready("")
        notifier.stopping("")
        with notifier.reloading():
            assert notifier.watchdog_s is None


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/" + "x" * 200, "/no\0where", "@" + "x" * 200])
def test_a_manager_that_is_gone_is_logged_once_and_stops_nobody(address, caplog):
    notifier = Notifier(address)
    with caplog.at_level("WARNING", "kyanite"):
        notifier.ready("")
        notifier.stopping("")
    assert len(caplog.records) == 1


def test_a_manager_that_is_stuck_stops_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(notify, "SEND_TIMEOUT_S", 0.01)
    with listening(tmp_path) as manager:
        notifier = Notifier(manager.address)
        began_s = time.monotonic()
        for number in range(300):  # the kernel queues a few messages, and whoever sends the next would wait
            notifier.ready(str(number))
            if notifier._failed:
                break
        assert notifier._failed
        assert time.monotonic() - began_s < 5
        assert manager.next() == {"READY": "1", "STATUS": "0"}


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_whom_the_watchdog_waits_for_and_how_long(environ, watchdog_s):
    assert from_environment({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog_s == watchdog_s


async def test_signs_of_life_come_at_half_the_period(tmp_path):
    with listening(tmp_path) as manager:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Notifier(manager.address, PERIOD_S).watch, anyio.lowlevel.checkpoint)
            moments = []
            for _ in range(4):
                assert await anyio.to_thread.run_sync(manager.next) == {"WATCHDOG": "1"}
                moments.append(time.monotonic())
            tasks.cancel_scope.cancel()
    assert moments[3] - moments[0] >= 3 * PERIOD_S / 2 - 0.05


async def test_a_store_that_answers_with_an_error_is_alive(tmp_path):
    async def fail():
        raise StoreUnavailable("the disk is slow today")

    with listening(tmp_path) as manager:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Notifier(manager.address, PERIOD_S).watch, fail)
            for _ in range(2):
                assert await anyio.to_thread.run_sync(manager.next) == {"WATCHDOG": "1"}
            tasks.cancel_scope.cancel()


async def test_a_store_that_hangs_is_not_and_comes_back(tmp_path, caplog):
    hangs = anyio.Event()

    async def look():
        if not hangs.is_set():
            await anyio.sleep_forever()

    with listening(tmp_path) as manager, caplog.at_level("ERROR", "kyanite"):
        async with anyio.create_task_group() as tasks:
            notifier = Notifier(manager.address, PERIOD_S)
            notifier.ready("serving")
            assert manager.next()["READY"] == "1"
            tasks.start_soon(notifier.watch, look)
            for _ in range(3):
                assert await anyio.to_thread.run_sync(manager.next) == {"STATUS": "the store does not answer"}
            hangs.set()
            heard = await anyio.to_thread.run_sync(manager.until, "WATCHDOG")
            assert heard[-1] == {"WATCHDOG": "1", "STATUS": "serving"}
            assert await anyio.to_thread.run_sync(manager.next) == {"WATCHDOG": "1"}
            tasks.cancel_scope.cancel()
    assert "does not answer" in caplog.text


async def test_nobody_is_watched_without_a_watchdog(tmp_path):
    async def never():
        pytest.fail("nobody asked")

    with listening(tmp_path) as manager:
        await Notifier(manager.address).watch(never)
        await Notifier().watch(never)
        assert manager.silent(0.01)


@contextmanager
def daemon(folder, manager, **variables):
    """A daemon under this manager, in a process of its own that `hanging_daemon` is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KYANITE", "WATCHDOG", "NOTIFY"))}
    command = [sys.executable, "-m", "tests.http.hanging_daemon", folder]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = kept | {"NOTIFY_SOCKET": manager.address} | variables
    with subprocess.Popen(command, cwd=ROOT, env=env, text=True, **pipes) as process:
        manager.process = process
        try:
            yield process
        finally:
            process.kill()


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def test_a_daemon_says_when_it_answers_lives_and_ends(tmp_path):
    period = str(int(DAEMON_PERIOD_S * 1e6))
    with listening(tmp_path) as manager, daemon(tmp_path / "data", manager, WATCHDOG_USEC=period) as process:
        ready = manager.next()
        assert ready["READY"] == "1"
        address = ready["STATUS"].removeprefix("serving at ")
        with urlopen(f"{address}/readyz", timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        assert process.stdout.readline().strip() == address
        for _ in range(2):
            assert manager.next(DAEMON_PERIOD_S) == {"WATCHDOG": "1"}
        process.send_signal(signal.SIGTERM)
        assert manager.until("STOPPING")[-1]["STATUS"] == "executing jobs have 30 s to end"
        assert process.wait(PATIENCE_S) == 0
        assert manager.silent(0.01)


@pytest.mark.parametrize("what", ["store", "loop"])
def test_the_watchdog_bites_a_daemon_whose_store_or_loop_hangs(tmp_path, what):
    period_s = 1.2
    with listening(tmp_path) as manager:
        period = str(int(period_s * 1e6))
        with daemon(tmp_path / "data", manager, WATCHDOG_USEC=period, PYTHONFAULTHANDLER="1") as process:
            assert manager.until("WATCHDOG")[0]["READY"] == "1"
            say(process, what)
            signs, deadline = 0, time.monotonic() + 2 * period_s
            while time.monotonic() < deadline:
                try:
                    signs += "WATCHDOG" in manager.next(deadline - time.monotonic())
                except (TimeoutError, ValueError):
                    break
            assert signs <= 1  # the one that was on its way
            assert process.poll() is None
            process.send_signal(signal.SIGABRT)  # as systemd does it
            traces = process.stderr.read()
            assert process.wait(PATIENCE_S) == -signal.SIGABRT
            assert {"store": "patient_reader", "loop": "told"}[what] in traces


def test_a_daemon_that_is_not_watched_only_says_that_it_answers(tmp_path):
    other = str(os.getpid())
    with (
        listening(tmp_path) as manager,
        daemon(tmp_path / "data", manager, WATCHDOG_USEC="100000", WATCHDOG_PID=other) as process,
    ):
        assert manager.next()["READY"] == "1"
        assert manager.silent(0.5)
        process.send_signal(signal.SIGTERM)
        assert manager.next()["STOPPING"] == "1"
        assert process.wait(PATIENCE_S) == 0
