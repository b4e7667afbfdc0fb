"""Hooks of the configuration as subscriptions: which events, and what becomes of each."""

import json
import logging
import os
import sys

import msgspec
import pytest

from kyanite.config import HookSettings, Settings, WebhookSettings
from kyanite.core.events import Began, Cancelled, Failed, Succeeded
from kyanite.core.job import ErrorData, Status
from kyanite.errors import ConfigError, Undelivered
from kyanite.http.native import documents
from kyanite.logs import keep_secret
from kyanite.outlets.hooks import EXCERPT_LENGTH_MAX, subscriptions
from kyanite.ports.subscribers import Receipt
from tests.outlets.hooks.jobs import details, event

TELLS_ITS_ENVIRONMENT = "import json, os; json.dump(dict(os.environ), open('environment', 'w'))"


async def taken(*run, happened=None, settings=None, **fields):
    """Return what the only hook answers to an event."""
    hook = HookSettings(run=tuple(map(str, run)) or ("true",), timeout_s=fields.pop("timeout_s", 10.0))
    (subscription,) = subscriptions(settings or Settings(hooks=(hook,)))
    return await subscription.subscriber(happened or event(), details(**fields))


async def refused(*run, **fields):
    with pytest.raises(Undelivered) as error:
        await taken(*run, **fields)
    return error.value


def test_a_hook_is_a_subscription():
    hooks = (
        HookSettings(run=("/usr/bin/notify-send", "{job.name}")),
        HookSettings(
            run=("true",),
            name="other",
            workspace="team",
            on=("Began", "Failed", "Began"),
            target=("local.echo",),
            tag=("night",),
            name_prefix="A",
        ),
    )
    first, second = subscriptions(Settings(workspace="mine", hooks=hooks))
    assert (first.name, first.workspace, first.types) == ("hook/notify-send", "mine", (Succeeded, Failed, Cancelled))
    assert not first.selective
    assert (second.name, second.workspace, second.types) == ("hook/other", "team", (Began, Failed))
    assert second.takes(details())
    assert not second.takes(details(target="local.other"))
    assert (first.manner.by_job, first.manner.logs, first.from_start) == (True, True, False)
    assert subscriptions(Settings()) == []


def test_two_of_one_name_are_refused_also_where_a_program_made_the_settings():
    same = (HookSettings(run=("a", "1")), HookSettings(run=("b",), name="a", workspace="default"))
    with pytest.raises(ConfigError, match=r'hooks\.1 is called "a", as hooks\.0 is; name one of them otherwise'):
        subscriptions(Settings(hooks=same))
    assert len(subscriptions(Settings(workspace="other", hooks=same))) == 2


def test_what_can_not_be_run_is_refused_at_the_start():
    for run, problem in [(("a", "{job.nam}"), "run.1 has {job.nam} in it"), (("",), "run names no program")]:
        with pytest.raises(ConfigError) as error:
            subscriptions(Settings(hooks=(HookSettings(run=("true",)), HookSettings(run=run))))
        assert f"hooks.1.{problem}" in str(error.value)


async def test_a_program_that_succeeds_has_taken_the_event(caplog):
    with caplog.at_level(logging.INFO, logger="kyanite"):
        assert await taken("echo", "{job.name}: {job.status}") == Receipt(0, "A job: Succeeded")
    (line,) = [record.msg for record in caplog.records]
    assert line["event"] == "hook has run"
    assert (line["level"], line["hook"], line["job_id"], line["event_type"]) == ("info", "echo", "j1", "Succeeded")
    assert (line["status"], line["output"]) == (0, "A job: Succeeded")


async def test_a_program_reads_event_and_row_as_the_daemon_tells_them(tmp_path):
    happened = event(Failed, error=ErrorData("Refused", "no such qubit"))
    fields = {
        "status": Status.FAILED,
        "error_data": happened.error,
        "metadata": {"a": [1]},
        "input_params": {"b": "\0"},
    }
    await taken("sh", "-c", 'cat > "$1"', "sh", tmp_path / "read", happened=happened, **fields)
    read = json.loads((tmp_path / "read").read_bytes())
    assert read == {
        "event": json.loads(msgspec.json.encode(happened)),
        "job": json.loads(msgspec.json.encode(documents.job(details(**fields)))),
    }
    assert read["event"] == {
        "type": "Failed",
        "job_id": "j1",
        "version": 3,
        "time": "2026-05-04T03:02:01Z",
        "event_id": "e7",
        "position": 12,
        "error": {"code": "Refused", "message": "no such qubit"},
    }
    assert (read["job"]["status"], read["job"]["session_id"]) == ("Failed", None)


async def test_another_exit_status_is_told_with_the_output(caplog):
    error = await refused("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (error.status, error.excerpt) == (7, "out\nerr")
    assert str(error) == "The event was not taken: sh ended with exit status 7"
    (line,) = [record.msg for record in caplog.records]
    assert (line["level"], line["event"], line["reason"]) == ("warning", "hook has failed", error.particulars)
    assert (line["status"], line["output"]) == (7, "out\nerr")


async def test_a_signal_a_time_limit_and_a_missing_program_are_told():
    assert (await refused("sh", "-c", "kill -KILL $$")).particulars == "sh was ended by SIGKILL"
    error = await refused("sh", "-c", "echo on; exec sleep 60", timeout_s=0.2)
    assert (error.particulars, error.status, error.excerpt) == ("sh did not end within 0.2 s", None, "on")
    error = await refused("/nowhere/program")
    assert error.particulars == "/nowhere/program can not be started: No such file or directory"
    assert error.status is None
    error = await refused("true", "{job.name}" * 40, name="n" * 4_096)
    assert error.particulars == "true can not be started: Argument list too long"


async def test_an_output_is_bounded_where_it_is_kept_and_told_of_where_it_is_cut(caplog):
    with caplog.at_level(logging.INFO, logger="kyanite"):
        receipt = await taken("head", "-c", "70000", "/dev/zero")
    assert receipt.excerpt == "\ufffd" * EXCERPT_LENGTH_MAX
    (line,) = [record.msg for record in caplog.records]
    assert (len(line["output"]), line["dropped_bytes"]) == (65_536, 70_000 - 65_536)


async def test_an_output_is_shown_without_what_steers_terminals_and_without_secrets():
    keep_secret("hunter2-of-hooks")
    receipt = await taken("printf", r"\033[31mred\r\nnext\ttab \302\233 \377 hunter2-of-hooks\n")
    assert receipt.excerpt == "\ufffd[31mred\nnext\ttab \ufffd \ufffd <hidden>"


async def test_the_environment_has_no_secret_and_says_where_the_job_is(monkeypatch, tmp_path):
    for name in ("ACME", "DEEP", "SIGNS", "KYANITE_API_KEY", "kyanite_api_key", "PLAIN"):
        monkeypatch.setenv(name, "as it is")
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        data_dir="data",
        providers={"acme": {"api_key": {"env": "ACME"}, "tokens": [{"env": "DEEP"}], "more": {"env": "PLAIN"}}},
        webhooks=(WebhookSettings(name="a", url="https://host/", secrets=({"env": "SIGNS"},)),),
        hooks=(HookSettings(run=(sys.executable, "-c", TELLS_ITS_ENVIRONMENT)),),
    )
    await taken(settings=settings, happened=event(workspace="team"))
    found = json.loads((tmp_path / "environment").read_text())  # the excerpt would hide what other tests call secret
    expected = dict(os.environ) | {"KYANITE_DATA_DIR": str(tmp_path / "data"), "KYANITE_WORKSPACE": "team"}
    for name in ("ACME", "DEEP", "SIGNS", "KYANITE_API_KEY", "kyanite_api_key"):
        del expected[name]
    assert found | {"LC_CTYPE": None} == expected | {"LC_CTYPE": None}
    assert found["PLAIN"] == "as it is"


async def test_it_runs_where_this_process_does(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook.sh").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "hook.sh").chmod(0o755)
    assert (await taken("./hook.sh")).excerpt == str(tmp_path.resolve())
