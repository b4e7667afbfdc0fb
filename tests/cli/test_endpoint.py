"""Every command gives on a daemon what it gives on a folder: the same on stdout and stderr, and the same exit code."""

import json
import re
import shutil

import pytest

from kyanite.cli.exits import Exit
from kyanite.cli.root import root
from kyanite.cli.vocabulary import Vocabulary
from tests.cli.daemons import daemon_over
from tests.cli.places import PROBLEM

STYLES = ("table", "json", "jsonl", "name")
SAMPLE = "microsoft.simulatedannealing.cpu"
HOOK = ("https://hooks.example.org/", "--target", "none", "--secret-file", "{secret}")
"""A webhook that is sent nothing."""
SEED = ("-p", "seed=7", "-p", "sweeps=10", "-p", "restarts=10", "-t", SAMPLE)


def in_styles(*words, styles=STYLES):
    return [(*words, "-o", style) for style in styles]


LOOKING = {
    "job list": [
        *in_styles("job", "list"),
        ("job", "list", "-s", "failed", "-s", "cancelled", "--order", "name", "--desc", "-n", "2", "-o", "name"),
        ("job", "list", "--name", "g", "--tag", "made", "--provider", "acme", "-t", "acme.echo", "-o", "name"),
        ("job", "list", "--created-after", "1h", "--created-before", "2999-01-01", "-o", "name"),
        ("job", "list", "--created-before", "1h"),
        ("job", "list", "-t", "none", "-o", "json"),
        ("job", "list", "-w", "another"),
    ],
    "job show": [
        *in_styles("job", "show", "{bad}"),
        ("job", "show", "{waiting}"),
        ("job", "show", "none"),
        ("job", "show", "0"),
    ],
    "job story": [*in_styles("job", "story", "{slow}", styles=STYLES[:3]), ("job", "story", "none")],
    "job count": [
        *in_styles("job", "count", styles=STYLES[:2]),
        *in_styles("job", "count", "--by", "status", styles=STYLES[:2]),
        ("job", "count", "--by", "target", "-s", "failed", "-o", "json"),
    ],
    "job output": [
        *in_styles("job", "output", "{good}", styles=("json", "jsonl")),
        ("job", "output", "{good}", "--raw"),
        ("job", "output", "{good}", "-f", "{file}"),
        ("job", "output", "{bad}"),
        ("job", "output", "{waiting}", "-w", "default"),
    ],
    "job plot": [("job", "plot", "{good}", "-o", "{file}.svg")],
    "job wait": [
        *(("job", "wait", f"{{{name}}}", "-o", "jsonl") for name in ("good", "bad", "slow", "given_up")),
        *in_styles("job", "wait", "{good}", "{bad}"),
        ("job", "wait", "{waiting}"),
    ],
    "job watch": [*in_styles("job", "watch", "{good}"), ("job", "watch", "-o", "json")],
    "target list": in_styles("target", "list"),
    "target show": [*in_styles("target", "show", SAMPLE), ("target", "show", "microsoft.simulatedanealing.cpu")],
    "check": [*in_styles("check", styles=STYLES[:3]), ("check", "--blobs", "-o", "json")],
    "key list": in_styles("key", "list"),
    "events": [
        *in_styles("events", styles=STYLES[:3]),
        ("events", "--after", "0", "-o", "json"),
        ("events", "--after", "3", "-n", "2"),
        ("events", "-s", "Failed", "-s", "Cancelled", "--tag", "made", "-n", "1"),
        ("events", "--job", "{good}", "--type", "Began", "-t", "acme.echo", "-o", "jsonl"),
        ("events", "--after", "0", "--type", "Succeeded"),
        ("events", "--job", "none"),
        ("events", "--after", "-1"),
    ],
    "webhook list": [("webhook", "list", "-o", "json"), ("webhook", "list", "-w", "another", "-o", "json")],
    "webhook show": [("webhook", "show", "none")],
    "subscriber list": [("subscriber", "list", "-o", "json")],
    "subscriber show": [("subscriber", "show", "none")],
}
"""By command: calls that change nothing. A name in braces is the id of a job, or of a file."""

CHANGING = {
    "solve": [
        *in_styles("solve", "{problem}", *SEED, "--job-id", "solved"),
        ("solve", "{problem}", "-p", "sedd=1", "--job-id", "failed"),
        ("solve", "{problem}", "-t", "none"),
        ("solve", "{problem}", *SEED, "--name", "{long}"),
    ],
    "job submit": [
        *(("job", "submit", "{problem}", *SEED, "--job-id", f"sent-{style}", "-o", style) for style in STYLES),
        *in_styles("job", "submit", "{problem}", *SEED, "--job-id", "executed", "--wait", "--tag", "a", "--tag", "b"),
        ("job", "submit", "{problem}", *SEED, "-p", "more=1", "--job-id", "executed"),
        ("job", "submit", "{problem}", *SEED, "--job-id", "teams", "-w", "my team!", "-o", "json"),
    ],
    "job cancel": [
        *in_styles("job", "cancel", "{good}", "--reason", "too late"),
        *in_styles("job", "cancel", "{waiting}", "--reason", "no need"),
        ("job", "cancel", "none"),
    ],
    "key create": [
        *in_styles("key", "create", "--name", "one", styles=STYLES[:2]),
        ("key", "create", "--scope", "operate", "-o", "json"),
        ("key", "create", "--scope", "read", "-w", "team", "-o", "json"),
    ],
    "key revoke": [("key", "revoke", "none")],
    "webhook add": [
        *(("webhook", "add", f"in-{style}", *HOOK, "-o", style) for style in STYLES[:2]),
        ("webhook", "add", "in-json", *HOOK),
        ("webhook", "add", "more", *HOOK, "--on", "began", "--tag", "a", "--payload", "cloudevents", "-w", "team"),
        ("webhook", "add", "here", "http://localhost/"),
    ],
    "webhook pause": [
        ("webhook", "add", "paused", *HOOK),
        *in_styles("webhook", "pause", "paused"),
        ("webhook", "show", "paused", "-o", "name"),
        ("webhook", "pause", "none"),
    ],
    "webhook resume": [("webhook", "add", "resumed", *HOOK), *in_styles("webhook", "resume", "resumed")],
    "webhook rotate": [("webhook", "rotate", "none")],
    "webhook replay": [("webhook", "replay", "none"), ("webhook", "replay", "none", "--dead", "--until", "1")],
    "webhook remove": [
        ("webhook", "add", "removed", *HOOK),
        ("webhook", "remove", "removed", "-o", "json"),
        ("webhook", "remove", "removed"),
    ],
    "subscriber replay": [("subscriber", "replay", "none"), ("subscriber", "replay", "none", "--dead", "--until", "3")],
}
"""By command: calls that change something, made one after the other."""

APART = {
    "config show": "test_config_show",
    "doctor": "test_doctor",
    "serve": "test_what_is_done_where_the_jobs_lie",
    "backup": "test_what_is_done_where_the_jobs_lie",
    "completion": "test_completion_scripts",
    "webhook test": "test_webhook_test",
}
"""Commands that are about the place where they run, and which test compares them."""

LABELS = [f"{' '.join(words)}" for calls in LOOKING.values() for words in calls]


def leaves(group=root, before=""):
    """Every command of the vocabulary, as it is written."""
    for word in group.list_commands(None):
        command = group.get_command(None, word)
        if isinstance(command, Vocabulary):
            yield from leaves(command, f"{before}{word} ")
        else:
            yield f"{before}{word}"


@pytest.fixture(scope="module")
def folders(jobs, tmp_path_factory):
    """Make copies of the folder with jobs."""
    return lambda: shutil.copytree(jobs[0], tmp_path_factory.mktemp("copy") / "data")


@pytest.fixture(scope="module")
def looked_at(folders):
    """A daemon that nothing is changed on, and a folder with the same in it."""
    with daemon_over(folders()) as daemon:
        yield daemon, folders()


@pytest.fixture(scope="module")
def changed(folders):
    """The same, to change, and one to change by way of its folder."""
    with daemon_over(folders()) as daemon, daemon_over(folders()) as owner:
        yield daemon, owner, folders()


@pytest.fixture
def words_of(jobs, tmp_path):
    """The words of a call with their names filled in."""
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    (tmp_path / "secret").write_text(f"whsec_{'A' * 43}=")
    names = {name.replace(" ", "_"): job_id for name, job_id in jobs[1].items()}
    names |= {
        "problem": tmp_path / "problem.json",
        "file": tmp_path / "file",
        "secret": tmp_path / "secret",
        "long": "n" * 2000,
    }
    return lambda words: [word.format_map(names) for word in words]


def without_times(text, *places):
    """What was printed, without what depends on when, where, and by chance."""
    for place in places:
        text = text.replace(str(place), "PLACE")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)?", "TIME", text)
    text = re.sub(r'"(event_id|rank)": ?("[^"]*"|[-\d.e+]+|null)', r'"\1": ANY', text)
    text = re.sub(r"(kya_)?[0-9a-f]{10}(_[0-9a-f]{64})?\b(?!-)", "KEY", text)
    text = re.sub(r"\b\d+(\.\d+)?(ms|s|m|h)\b", "AGO", text)
    text = re.sub(r"\+?\b\d+\.\d{2,4}\b", "LATER", text)
    return re.sub(r"[ ─-]+", " ", text)


def test_every_command_has_a_row_here():
    assert sorted([*LOOKING, *CHANGING, *APART]) == sorted(leaves())
    assert all(name in globals() for name in APART.values())


@pytest.mark.parametrize("words", [call for calls in LOOKING.values() for call in calls], ids=" ".join)
def test_looking(call, words_of, looked_at, tmp_path, words):
    daemon, folder = looked_at
    words = words_of(words)
    results = []
    for where in (("--data-dir", folder), ("--endpoint", daemon.address)):
        left = call(*words, "-q", *where)
        written = {path.name: path.read_bytes()[:200] for path in tmp_path.iterdir()}
        results.append((left.code, without_times(left.out, *where), without_times(left.err, *where), written))
    assert results[0] == results[1]
    assert results[0][1] or results[0][2] or results[0][3]


@pytest.mark.parametrize("command", CHANGING)
def test_changing(call, words_of, changed, command):
    daemon, owner, folder = changed
    for words in CHANGING[command]:
        results = []
        for where in (
            ("--data-dir", folder),
            ("--endpoint", daemon.address),
            ("--data-dir", owner.folder),
        ):
            left = call(*words_of(words), "-q", *where)
            results.append((left.code, without_times(left.out, *where), without_times(left.err, *where)))
        assert results[0] == results[1] == results[2], words
        assert results[0][1] or results[0][2]


def test_config_show(call, looked_at):
    daemon, folder = looked_at
    here = json.loads(call("config", "show", "-o", "json", "--data-dir", folder).out)
    there = json.loads(call("config", "show", "-o", "json", "--endpoint", daemon.address).out)
    assert [row["path"] for row in here] == [row["path"] for row in there]
    others = {row["path"] for row in here if row not in there}
    assert (
        {"data_dir", "server.listen"} <= others <= {"data_dir", "server.listen", "limits.shutdown_grace_s", "log.level"}
    )
    told = {row["path"]: (row["value"], row["origin"]) for row in there}
    assert told["data_dir"] == (f'"{daemon.folder}"', "argument")
    assert told["server.listen"] == ('"127.0.0.1:0"', "argument")
    text = call("config", "show", "--endpoint", daemon.address).out
    assert f'data_dir = "{daemon.folder}"\n' in text
    assert len(text.splitlines()) == len(call("config", "show", "--data-dir", folder).out.splitlines())
    assert call("config", "show", "--origin", "--endpoint", daemon.address).out.splitlines()[0].startswith("SETTING ")


def test_doctor(call, looked_at):
    daemon, folder = looked_at
    here, there = (
        {finding["subject"]: finding for finding in json.loads(call("doctor", "-o", "json", *where).out)}
        for where in (("--data-dir", folder), ("--endpoint", daemon.address))
    )
    assert {name: finding["state"] for name, finding in here.items()} == {
        name: finding["state"] for name, finding in there.items()
    }
    assert f"process {daemon.process.pid} has {daemon.folder} open" in there["owner"]["text"]


def test_what_is_done_where_the_jobs_lie(call, looked_at, tmp_path, monkeypatch):
    address = looked_at[0].address
    for words, instead in (
        (("serve",), "a daemon is started where its jobs lie, with --data-dir"),
        (("backup", tmp_path / "copy"), "a backup is made where the jobs lie"),
    ):
        code, out, err = call(*words, "--endpoint", address)
        assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1)
        assert f"by way of {address}; {instead}" in err
    monkeypatch.setenv("KYANITE_ENDPOINT", address)
    assert call("backup", tmp_path / "copy").code == Exit.USAGE
    assert call("backup", tmp_path / "copy", "--data-dir", looked_at[1]).code == Exit.OK


def test_webhook_test(call, looked_at):
    daemon, folder = looked_at
    for where in (("--endpoint", daemon.address), ("--data-dir", daemon.folder), ("--data-dir", folder)):
        code, out, err = call("webhook", "test", "none", *where)
        assert (code, out) == (Exit.ERROR, "")
        assert err.startswith("kyanite: there is no webhook 'none'; ")


def test_completion_scripts(call, looked_at):
    assert call("completion", "zsh", "--endpoint", looked_at[0].address) == call("completion", "zsh")


def test_completion_of_what_a_daemon_has(capfd, call, jobs, looked_at, monkeypatch):
    def offered(*words):
        monkeypatch.setenv("_KYANITE_COMPLETE", "fish_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(["kyanite", *words]))
        monkeypatch.setenv("COMP_CWORD", "")
        code, out, err = call()
        assert (code, err) == (0, "")
        return [line.split(",", 1)[1].split("\t")[0] for line in out.splitlines() if line]

    endpoint = ("--endpoint", looked_at[0].address)
    assert offered(*endpoint, "job", "cancel") == [jobs[1]["waiting"]]
    assert SAMPLE in offered(*endpoint, "target", "show")
    assert set(offered(*endpoint, "job", "list", "--provider")) == {"kyanite", "microsoft", "toshiba"}
