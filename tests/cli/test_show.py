import json

from kyanite.cli.exits import Exit
from kyanite.core.job import JobDetails


def facts(out):
    return dict(line.split(maxsplit=1) for line in out.splitlines())


def test_show_says_what_a_person_wants_to_know(look, jobs):
    code, out, err = look("job", "show", jobs[1]["bad"])
    assert (code, err) == (0, "")
    shown = facts(out)
    assert shown["id"] == jobs[1]["bad"]
    assert shown["status"] == "Failed"
    assert shown["error"] == "Broken: it can not be done"
    assert shown["tags"] == "is-bad, made"
    assert shown["created"].endswith("Z")
    assert shown["input"] == "18 bytes"
    assert "output" not in shown
    assert facts(look("job", "show", jobs[1]["waiting"]).out)["priority"] == "3"


def test_show_as_json_is_the_whole_row(look, jobs):
    shown = json.loads(look("job", "show", jobs[1]["waiting"], "-o", "json").out)
    assert list(shown) == list(JobDetails.__struct_fields__)
    assert shown["status"] == "Waiting"
    assert shown["tags"] == []
    assert look("job", "show", jobs[1]["waiting"], "-o", "name").out == jobs[1]["waiting"] + "\n"
    assert json.loads(look("job", "show", jobs[1]["waiting"], "-o", "jsonl").out) == shown


def test_story(look, jobs):
    code, out, err = look("job", "story", jobs[1]["given up"])
    assert (code, err) == (0, "")
    assert [line.split("s  ")[1] for line in out.splitlines()] == [
        "Submitted: 'given up' to acme.echo, input of 1 bytes",
        "CancelRequested: no need",
        "Cancelled",
    ]


def test_story_as_json(look, jobs):
    events = json.loads(look("job", "story", jobs[1]["good"], "-o", "json").out)
    assert [event["type"] for event in events] == ["Submitted", "Began", "Succeeded"]
    lines = look("job", "story", jobs[1]["good"], "-o", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == events


def test_ids_by_their_beginning(look, jobs):
    ids = jobs[1]
    for length in range(len(ids["slow"]), 0, -1):
        prefix = ids["slow"][:length]
        code, out, err = look("job", "show", prefix, "-o", "name")
        if [job_id for job_id in ids.values() if job_id.startswith(prefix)] == [ids["slow"]]:
            assert (code, out) == (0, ids["slow"] + "\n")
        else:
            assert (code, out) == (Exit.ERROR, "")
            assert err.startswith(f"kyanite: several ids begin with {prefix!r}; the newest are:\n")
            assert f"  {ids['slow']}  Failed     slow\n" in err
            return
    raise AssertionError("no prefix was ambiguous")


def test_ids_that_nobody_has(look):
    for prefix in ("ffff", "no such", "%", "'"):
        code, out, err = look("job", "show", prefix)
        assert (code, out) == (Exit.ERROR, "")
        assert err.startswith("kyanite: no job's id begins with ")
    assert look("job", "show", "").err == "kyanite: a job's id can not be empty\n"
