"""SIGHUP: log level and quotas become those of the configuration as it is now, nothing else does; a bad one is left."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, nullcontext
from urllib.request import urlopen

import anyio
import pytest
from msgspec.structs import replace

from kyanite.config import LogSettings, QuotaSettings, ServerSettings, Settings, WebhookSettings, WorkspaceSettings
from kyanite.errors import ConfigError
from kyanite.http.reload import reload_at
from tests.http.notify_socket import PATIENCE_S, listening

BEFORE = '[server]\nlisten = "127.0.0.1:0"\n[log]\nstyle = "json"\nlevel = "INFO"\n'


async def reloaded(before, *readings):
    """The quotas that were given out, after a signal for each of the readings: settings, or what is raised."""
    given, left = [], list(readings)

    def reread():
        reading = left.pop(0)
        if isinstance(reading, Exception):
            raise reading
        return reading

    async def hangups():
        for number in range(len(readings)):
            yield number

    await reload_at(hangups(), nullcontext, before, reread, given.append)
    return given


@pytest.fixture
def told(caplog):
    """What was logged: the event and its fields, as text. The level of the logger is as it was before."""
    library = logging.getLogger("kyanite")
    level = library.level
    library.setLevel("INFO")
    caplog.handler.setLevel("DEBUG")
    yield lambda: [record.getMessage() for record in caplog.records]
    library.setLevel(level)


async def test_level_and_quotas_are_taken_over_and_nothing_else(told):
    before = Settings()
    after = replace(
        before,
        quota=QuotaSettings(open_jobs_max=5),
        workspaces={"team": WorkspaceSettings(submits_per_s=2.0)},
        log=LogSettings(level="DEBUG", style="json"),
        server=ServerSettings(drain_s=1.0),
    )
    (given,) = await reloaded(before, after)
    assert (given.quota, given.workspaces) == (after.quota, after.workspaces)
    assert (given.server, given.log) == (before.server, LogSettings(level="DEBUG"))
    assert logging.getLogger("kyanite").level == logging.DEBUG
    taken, later = told()
    for text in ("quota.open_jobs_max: 1000000 -> 5", "workspaces.team.submits_per_s: unset -> 2.0", "log.level"):
        assert text in taken
        assert text not in later
    for text in ("server.drain_s: 30.0 -> 1.0", 'log.style: "console" -> "json"'):
        assert text in later
        assert text not in taken


async def test_what_only_counts_later_is_said_each_time(told):
    after = Settings(server=ServerSettings(drain_s=1.0))
    await reloaded(Settings(), after, after, Settings())
    assert ["drain_s" in line for line in told()] == [False, True, False, True, False]


async def test_a_webhook_that_leads_elsewhere_is_told_of_and_not_where_to(told):
    def to(path):
        reference = {"env": "NAME"}
        return Settings(webhooks=(WebhookSettings(name="n", url=f"https://example.org/{path}", secrets=(reference,)),))

    await reloaded(to("canary-1"), to("canary-2"), to("canary-2"))
    assert ["not before the next start" in line for line in told()] == [False, True, False, True]
    assert "webhooks: what is not shown of them" in told()[1]
    assert "canary" not in " ".join(told())


async def test_a_bad_configuration_changes_nothing(told):
    good = Settings(quota=QuotaSettings(open_jobs_max=7))
    given = await reloaded(Settings(), ConfigError("quota.open_jobs_max must be more"), OSError("gone"), good)
    assert [settings.quota.open_jobs_max for settings in given] == [7]
    first, second, third = told()
    assert "not taken over" in first
    assert "quota.open_jobs_max must be more" in first
    assert "gone" in second
    assert "1000000 -> 7" in third


async def test_a_change_of_the_level_is_told_whichever_is_the_more_talkative(told):
    quiet, talkative = Settings(log=LogSettings(level="ERROR")), Settings(log=LogSettings(level="INFO"))
    await reloaded(talkative, quiet)
    assert logging.getLogger("kyanite").level == logging.ERROR
    await reloaded(quiet, talkative)
    assert logging.getLogger("kyanite").level == logging.INFO
    assert ['"INFO" -> "ERROR"' in line or '"ERROR" -> "INFO"' in line for line in told()] == [True, True]


async def test_reading_it_keeps_nobody_waiting():
    reading = threading.Event()

    def reread():
        assert reading.wait(PATIENCE_S)  # set by the event loop, which must be free for that
        raise ConfigError("read to its end")

    async def once():
        yield None

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reload_at, once(), nullcontext, Settings(), reread, pytest.fail)
            await anyio.lowlevel.checkpoint()
            reading.set()


@contextmanager
def daemon(folder, manager, *arguments):
    """`kyanite serve` with the file `kyanite.toml` of the folder; the process, and what was logged so far."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KYANITE", "WATCHDOG"))}
    command = [sys.executable, "-m", "kyanite", "serve", "--config", folder / "kyanite.toml", "--data-dir", folder]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*command, "-o", "json", *arguments],
            env=kept | {"NOTIFY_SOCKET": manager.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        manager.process = process
        try:
            yield process, lambda: (folder / "log").read_text().splitlines()
        finally:
            process.kill()


def hang_up(process, manager):
    """Have the daemon read its configuration, and return when it has."""
    process.send_signal(signal.SIGHUP)
    began, ended = manager.next(), manager.next()
    assert (began["RELOADING"], ended) == ("1", {"READY": "1"})


def test_a_daemon_takes_over_what_its_file_says(tmp_path):
    file = tmp_path / "kyanite.toml"
    file.write_text(BEFORE)
    with listening(tmp_path) as manager, daemon(tmp_path, manager) as (process, log):
        assert manager.next()["READY"] == "1"
        address = json.loads(process.stdout.readline())["address"]

        file.write_text(BEFORE.replace("INFO", "DEBUG") + "[quota]\nopen_jobs_max = 3\n")
        hang_up(process, manager)
        assert "quota.open_jobs_max: 1000000 -> 3" in log()[-1]
        with urlopen(f"{address}/v1/usage", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["open_jobs_max"] == 3
        assert any('"path": "/v1/usage"' in line for line in log())  # requests are logged at DEBUG

        file.write_text("[quota]\nopen_jobs_max = 0\n")
        hang_up(process, manager)
        assert "quota.open_jobs_max must be a whole number of at least 1, not 0" in log()[-1]
        with urlopen(f"{address}/v1/usage", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["open_jobs_max"] == 3

        process.send_signal(signal.SIGTERM)
        assert manager.until("STOPPING")
        assert process.wait(PATIENCE_S) == 0


def test_what_the_command_line_says_of_the_level_stays(tmp_path):
    file = tmp_path / "kyanite.toml"
    file.write_text(BEFORE)
    with listening(tmp_path) as manager, daemon(tmp_path, manager, "-q") as (process, log):
        assert manager.next()["READY"] == "1"
        file.write_text(BEFORE.replace("INFO", "DEBUG"))
        hang_up(process, manager)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert log() == []
