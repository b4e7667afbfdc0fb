import json
from datetime import UTC, datetime, timedelta

import pytest

from kyanite.cli.filters import STATUSES
from kyanite.cli.listing import COUNTS, ORDERS
from kyanite.core.job import JobDetails, Status
from kyanite.ports import COUNTS as KNOWN_COUNTS
from kyanite.ports import ORDERS as KNOWN_ORDERS
from kyanite.sync import Workspace
from tests.runtime.places import with_echo

NAMES = ["good", "bad", "slow", "given up", "waiting"]


def test_choices_are_those_of_the_model():
    assert ORDERS == KNOWN_ORDERS
    assert COUNTS == KNOWN_COUNTS
    assert list(STATUSES) == [status.value for status in Status]


def test_table(look, jobs):
    code, out, err = look("job", "list")
    head, *lines = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split() == ["ID", "NAME", "TARGET", "STATUS", "AGE", "TOOK"]
    assert [line.split()[0] for line in lines] == [jobs[1][name] for name in NAMES]
    assert [line[38:46].strip() for line in lines] == NAMES
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--desc",), NAMES[::-1]),
        (("--desc", "-n", "2"), ["waiting", "given up"]),
        (("--status", "FAILED"), ["bad", "slow"]),
        (("-s", "waiting", "-s", "succeeded"), ["good", "waiting"]),
        (("--target", "acme.late"), ["slow"]),
        (("--provider", "acme", "--limit", "1"), ["good"]),
        (("--name", "g"), ["good", "given up"]),
        (("--tag", "is-bad"), ["bad"]),
        (("--order", "name"), ["bad", "given up", "good", "slow", "waiting"]),
        (("--order", "rank", "-s", "waiting"), ["waiting"]),
        (("--created-after", "1h"), NAMES),
        (("--created-before", "2w"), []),
        (("--created-before", "2020-01-31"), []),
        (("--created-after", "2020-01-31T10:00+02:00"), NAMES),
        (("--created-after", (datetime.now(UTC) + timedelta(days=1)).isoformat()), []),
    ],
)
def test_filters_and_orders(look, jobs, words, names):
    code, out, err = look("job", "list", "-o", "name", *words)
    assert (code, out.split()) == (0, [jobs[1][name] for name in names])
    assert err == ("" if names else "no jobs\n")


def test_json_has_every_field_of_every_job(look):
    listed = json.loads(look("job", "list", "-o", "json").out)
    assert [job["name"] for job in listed] == NAMES
    assert list(listed[0]) == list(JobDetails.__struct_fields__)
    assert listed[0]["status"] == "Succeeded"
    assert listed[0]["creation_time"].endswith("Z")
    assert listed[1]["error_data"] == {"code": "Broken", "message": "it can not be done", "target": "input"}
    assert json.loads(look("job", "list", "-o", "json", "--tag", "none").out) == []


def test_json_lines(look):
    lines = look("job", "list", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == NAMES


def test_quiet_says_nothing(look):
    assert look("job", "list", "--tag", "none", "-q") == (0, "", "")


def test_count(look):
    assert look("job", "count").out == "5\n"
    assert look("job", "count", "--status", "failed").out == "2\n"
    assert look("job", "count", "-o", "json", "--name", "g").out == "2\n"


def test_count_by(look):
    code, out, _ = look("job", "count", "--by", "status")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["STATUS", "JOBS"],
        ["Failed", "2"],
        ["Cancelled", "1"],
        ["Succeeded", "1"],
        ["Waiting", "1"],
    ]
    assert json.loads(look("job", "count", "--by", "provider_id", "-o", "json").out) == {"acme": 5}


def test_another_workspace_of_the_same_folder(look):
    assert look("job", "list", "-w", "elsewhere", "-o", "name").out == ""
    assert look("-w", "default", "job", "list", "-o", "name").out == look("job", "list", "-o", "name").out != ""


def test_a_workspace_is_found_by_the_name_that_a_script_gave_it(call, tmp_path):
    with Workspace(name="my lab", data_dir=tmp_path, providers=()) as workspace:
        workspace.call(lambda inside: with_echo(inside).submit("acme.echo", b"x", job_id="one"))
    assert call("job", "list", "-w", "my lab", "-o", "name", "--data-dir", tmp_path).out == "one\n"
