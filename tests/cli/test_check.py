import json
import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from kyanite.cli.check import Meter
from kyanite.cli.exits import Exit
from kyanite.cli.session import Session
from kyanite.runtime.audit import audit
from tests.cli.places import on_terminal
from tests.cli.terminal import terminal


@pytest.fixture
def folder(jobs, tmp_path):
    """A copy of the folder with jobs, to be tampered with, and the ids by name."""
    return shutil.copytree(jobs[0], tmp_path / "data"), jobs[1]


def tamper(folder, statement, *values):
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def test_a_sound_store_is_told_in_one_line(look):
    code, out, err = look("check")
    assert (code, err) == (Exit.OK, "")
    assert out == "5 jobs checked, 13 events, 6 blobs: all sound\n"
    assert look("check", "--blobs").out == out
    assert json.loads(look("check", "-o", "jsonl").out) == {
        "jobs": 5,
        "events": 13,
        "events_total": 13,
        "purged": 0,
        "blobs": 6,
        "breaches": 0,
    }


def test_breaches_are_told_in_every_format(call, folder):
    place, ids = folder
    tamper(place, "UPDATE jobs SET body = replace(body, 'good', 'evil') WHERE id = ?", ids["good"])
    tamper(place, "DELETE FROM events WHERE job = (SELECT seq FROM jobs WHERE id = ?)", ids["waiting"])
    text = "name is evil, by the log good; tags is ('is-evil', 'made'), by the log ('is-good', 'made')"
    code, out, err = call("check", "--data-dir", place)
    assert (code, err) == (Exit.ERROR, "")
    differs, missing, without_log, summary = out.splitlines()
    assert missing == "position-missing   position 13  it is missing from the log"
    assert differs == f"row-differs        {ids['good']}  {text}"
    assert without_log == f"log-missing        {ids['waiting']}  the row has no events"
    assert summary == "5 jobs checked, 12 events, 6 blobs: 3 breaches"

    code, out, err = call("check", "--data-dir", place, "-o", "json")
    told = json.loads(out)
    assert (code, err) == (Exit.ERROR, "")
    assert told["summary"]["breaches"] == len(told["breaches"]) == 3
    assert told["breaches"][0] == {
        "kind": "row-differs",
        "text": text,
        "workspace": "default",
        "job_id": ids["good"],
        "position": 0,
    }

    lines = [json.loads(line) for line in call("check", "--data-dir", place, "-o", "jsonl").out.splitlines()]
    assert lines == [*told["breaches"], told["summary"]]


def test_blobs_are_looked_up_and_read_on_request(call, folder):
    place, ids = folder
    with closing(sqlite3.connect(place / "blobs" / "small.sqlite")) as connection, connection:
        key = f"default/job-{ids['good']}/outputData"
        assert connection.execute("UPDATE blob SET content = x'00' WHERE key = ?", (key,)).rowcount == 1
    assert call("check", "--data-dir", place).code == Exit.OK
    code, out, _ = call("check", "--data-dir", place, "--blobs")
    assert code == Exit.ERROR
    assert out.startswith(f"blob-differs       {ids['good']}  the output kyanite:///default/job-")


def test_purged_jobs_are_counted(call, folder):
    place, ids = folder
    tamper(place, "INSERT INTO tombstones SELECT workspace, id, seq FROM jobs WHERE id = ?", ids["good"])
    tamper(place, "DELETE FROM jobs WHERE id = ?", ids["good"])
    assert call("check", "--data-dir", place) == (
        Exit.OK,
        "4 jobs checked, 13 events, 4 blobs, 1 purged jobs skipped: all sound\n",
        "",
    )


def test_it_says_when_it_stops_early(call, folder, monkeypatch):
    place, _ = folder
    tamper(place, "UPDATE jobs SET body = replace(body, 'made', 'forged') WHERE body LIKE '%made%'")
    monkeypatch.setattr(audit, "BREACHES_MAX", 2)
    monkeypatch.setattr("kyanite.runtime.audit.BREACHES_MAX", 2)
    code, out, err = call("check", "--data-dir", place)
    assert (code, len(out.splitlines())) == (Exit.ERROR, 3)
    assert err == "stopped after 2 breaches; there may be more\n"


def test_a_folder_without_a_store_is_an_error(call, tmp_path):
    code, out, err = call("check", "--data-dir", tmp_path)
    assert (code, out) == (Exit.ERROR, "")
    assert "there are no jobs in" in err


def test_on_a_terminal_nothing_is_left_of_the_progress(jobs):
    code, shown = on_terminal("check", "--data-dir", str(jobs[0]))
    assert code == 0
    assert shown.replace("\r\x1b[2K", "") == "5 jobs checked, 13 events, 6 blobs: all sound\n"


async def test_the_meter_replaces_its_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    with terminal(20) as screen, os.fdopen(os.dup(screen.follower), "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        meter = Meter(Session())
        meter.show("  1%  a line that is too long for this terminal")
        assert await screen.shows("1%") == "  1%  a line that …"
        meter.show("2%")
        assert await screen.shows("2%") == "2%"
        meter.clear()
        assert await screen.settled() == ""
        Meter(Session(quiet=True)).show("3%")
        assert await screen.settled() == ""
