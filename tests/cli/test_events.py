import asyncio
import json
import re
import shutil
import signal
import subprocess
from queue import Queue
from threading import Thread

import anyio
import pytest

from kyanite import Workspace
from kyanite.cli import feed
from kyanite.cli.events import NEWEST, TYPES
from kyanite.cli.exits import Exit
from kyanite.cli.feed import BY_STATUS
from kyanite.cli.filters import STATUSES
from kyanite.core.events import EVENTS, encode_event
from kyanite.core.story import happening
from kyanite.runtime.bus import PAGE
from tests.cli.daemons import daemon_over, stop
from tests.cli.places import COMMAND, PATIENCE_S, PROBLEM, child, environment, fill, on_terminal, with_targets

SAMPLE = "microsoft.simulatedannealing.cpu"


def stored(folder):
    """Every event of a workspace, as an embedded program reads it."""

    async def read():
        async with Workspace.open(data_dir=folder, read_only=True) as opened:
            return [event async for event in opened.events()]

    return asyncio.run(read())


@pytest.fixture
def log(jobs):
    """The log of the folder with jobs."""
    return stored(jobs[0])


def lines(call):
    """The events that a call printed as JSON."""
    assert (call.code, call.err) == (0, "")
    return [json.loads(line) for line in call.out.splitlines()]


def positions(call):
    return [event["position"] for event in lines(call)]


def test_the_types_are_those_of_the_model():
    assert tuple(kind.__name__ for kind in EVENTS) == TYPES
    assert tuple(BY_STATUS) == STATUSES
    assert set(BY_STATUS.values()) <= set(TYPES)


def test_all_of_the_log_as_it_stands_there(look, log):
    code, out, err = look("events", "--after", "0", "-o", "json")
    assert (code, err) == (0, "")
    assert out.encode().splitlines() == [encode_event(event) for event in log]
    assert all(f'"position":{event.position}' in line for event, line in zip(log, out.splitlines(), strict=True))
    assert look("events", "--after", "0", "-o", "jsonl").out == out


def test_for_people_in_the_words_of_a_story(look, log, jobs):
    code, out, err = look("events", "--after", "0")
    head, *rows = out.splitlines()
    names = {job_id: name for name, job_id in jobs[1].items()}
    assert (code, err) == (0, "")
    assert head.split() == ["POSITION", "TIME", "JOB", "NAME", "EVENT"]
    assert len(rows) == len(log)
    starts = [head.index(word) for word in ("JOB", "NAME", "EVENT")]
    parts = [slice(*pair) for pair in zip(starts, [*starts[1:], None], strict=True)]
    for row, event in zip(rows, log, strict=True):
        before, job_id, name, told = (
            row[: starts[0]],
            *(row[part].rstrip() for part in parts),
        )
        assert before.split()[0] == str(event.position)
        assert (job_id, name, told) == (event.job_id, names[event.job_id], happening(event))
    story = look("job", "story", jobs[1]["bad"]).out
    assert all(happening(event) in story for event in log if event.job_id == jobs[1]["bad"])


def test_the_newest_unless_told_from_where(look, log):
    all_of_it = [event.position for event in log]
    assert positions(look("events", "-o", "json")) == all_of_it[-NEWEST:]
    assert positions(look("events", "-n", "3", "-o", "json")) == all_of_it[-3:]
    assert positions(look("events", "-n", "1000", "-o", "json")) == all_of_it
    assert positions(look("events", "--after", "4", "-n", "3", "-o", "json")) == all_of_it[4:7]
    assert positions(look("events", "--after", all_of_it[-2], "-o", "json")) == all_of_it[-1:]
    for words in (("-n", "0"), ("--after", all_of_it[-1]), ("--after", 10**9), ("--after", "0", "-n", "0")):
        assert look("events", *words) == (0, "", "no events\n")
        assert look("events", *words, "-q", "-o", "json") == (0, "", "")


FILTERS = {
    "type": (
        ("--type", "succeeded", "--type", "Failed"),
        lambda event, _: type(event).__name__ in {"Succeeded", "Failed"},
    ),
    "status": (("-s", "waiting"), lambda event, _: type(event).__name__ == "Submitted"),
    "both": (("-s", "Failed", "--type", "Began"), lambda event, _: False),
    "target": (("-t", "acme.fail", "-t", "none"), lambda event, ids: event.job_id == ids["bad"]),
    "tag": (("--tag", "is-good", "--tag", "is-slow"), lambda event, ids: event.job_id in {ids["good"], ids["slow"]}),
    "labels": (("--tag", "made", "-t", "acme.late"), lambda event, ids: event.job_id == ids["slow"]),
    "job": (("--job", "{waiting}"), lambda event, ids: event.job_id == ids["waiting"]),
    "all": (
        ("--job", "{bad}", "--job", "{good}", "--type", "Began", "--tag", "is-bad", "-t", "acme.fail"),
        lambda event, ids: event.job_id == ids["bad"] and type(event).__name__ == "Began",
    ),
}


@pytest.fixture(scope="module")
def served(jobs, tmp_path_factory):
    """A daemon over a copy of the folder with jobs."""
    with daemon_over(shutil.copytree(jobs[0], tmp_path_factory.mktemp("served") / "data")) as daemon:
        yield daemon


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("back", [("--after", "0"), ()])
@pytest.mark.parametrize("where", ["folder", "daemon"])
def test_filters(call, served, jobs, name, back, where):
    words, wanted = FILTERS[name]
    words = [word.format_map({key.replace(" ", "_"): value for key, value in jobs[1].items()}) for word in words]
    place = ("--endpoint", served.address) if where == "daemon" else ("--data-dir", jobs[0])
    expected = [event.position for event in stored(jobs[0]) if wanted(event, jobs[1])]
    assert positions(call("events", *words, *back, "-o", "json", "-q", *place)) == expected
    shown = call("events", *words, *back, "-q", *place).out.splitlines()[1:]
    assert [int(row.split()[0]) for row in shown] == expected


def test_looking_for_the_newest_goes_back_as_far_as_it_takes(look, monkeypatch, jobs):
    monkeypatch.setattr(feed, "FIRST_LOOK", 1)
    monkeypatch.setattr(feed, "WIDER", 2)
    everything = lines(look("events", "--after", "0", "-o", "json"))
    began = [event["position"] for event in everything if event["type"] == "Began"]
    assert positions(look("events", "--type", "Began", "-n", "2", "-o", "json")) == began[-2:]
    assert positions(look("events", "--type", "Began", "-n", "9", "-o", "json")) == began


def test_workspaces_are_apart(call, tmp_path):
    ids = {}

    async def submit():
        async with with_targets(Workspace.open(data_dir=tmp_path)) as own:
            for name in ("one", "two", "one", "two"):
                job = await (await own.beside(name)).submit("acme.echo", "x", name=f"of {name}")
                ids[name] = (await job.wait()).id

    asyncio.run(submit())
    one = lines(call("events", "-w", "one", "-n", "2", "-o", "json", "--data-dir", tmp_path))
    assert {event["job_id"] for event in one} == {ids["one"]}
    assert call("events", "--data-dir", tmp_path) == (0, "", "no events\n")


def test_a_job_that_was_deleted_keeps_its_name(call, tmp_path):
    async def delete():
        async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:
            job = await workspace.submit("acme.echo", "x", name="gone by now", tags=["old"])
            await job.wait()
            assert await workspace.delete_job(job)

    asyncio.run(delete())
    place = ("--data-dir", tmp_path)
    assert "gone by now" in call("events", "--type", "Succeeded", *place).out
    assert len(positions(call("events", "--tag", "old", "-n", "1", "--type", "Succeeded", "-o", "json", *place))) == 1
    with daemon_over(tmp_path) as daemon:
        assert "gone by now" in call("events", "--type", "Succeeded", "--endpoint", daemon.address).out


def test_labels_are_forgotten_and_found_again(look, monkeypatch):
    before = look("events", "--after", "0").out
    monkeypatch.setattr(feed, "LABELS_KEPT", 1)
    assert look("events", "--after", "0").out == before
    assert look("events", "--after", "0", "--tag", "made", "-o", "json").out.count("\n") > 0


def test_names_and_tags_that_change(call, tmp_path):
    async def change():
        async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:
            job = await workspace.submit("acme.echo", "x", name="before")
            await job.wait()
            await job.amend(name="after", tags=["late"])

    asyncio.run(change())
    rows = call("events", "--after", "0", "--data-dir", tmp_path).out.splitlines()[1:]
    assert [row.split()[4] for row in rows] == ["after" for _ in range(4)]
    assert rows[0].endswith("Submitted: 'before' to acme.echo, input of 1 bytes")
    assert positions(call("events", "--after", "0", "--tag", "late", "-o", "json", "--data-dir", tmp_path)) == [
        1,
        2,
        3,
        4,
    ]


def test_a_terminal_is_never_wider_than_it_is(jobs):
    code, shown = on_terminal("events", "--data-dir", str(jobs[0]), columns=100)
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in shown.splitlines()]
    assert code == 0
    assert len(rows) > 10
    assert "\x1b[31mFailed" in shown
    assert max(map(len, rows)) <= max(100, len(rows[0]) + len("CancelRequested"))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--type", "Sucseeded"), "did you mean succeeded?"),
        (("--type", "Progressed"), "there is no 'Progressed'"),
        (("--after", "-1"), "-1 is not in the range"),
        (("-n", "-1"), "-1 is not in the range"),
        (("-o", "name"), "there is no 'name'"),
    ],
)
def test_what_is_not_understood(look, words, what):
    code, out, err = look("events", *words)
    assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1)
    assert what in err


def test_no_such_job_and_no_folder(look, call, tmp_path):
    assert look("events", "--job", "none").err.startswith("kyanite: no job's id begins with 'none'")
    code, out, err = call("events", "-f", "--data-dir", tmp_path / "none")
    assert (code, out) == (Exit.ERROR, "")
    assert err.startswith("kyanite: there are no jobs in")
    assert not (tmp_path / "none").exists()


# Following ------------------------------------------------------------------------------------------------------------


class Follower:
    """A process that follows, and what it has printed line by line."""

    def __init__(self, *words):
        self.process = child("events", "--follow", "-o", "json", *words)
        self._lines = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def next(self, count):
        return [json.loads(self._lines.get(timeout=PATIENCE_S)) for _ in range(count)]

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        left = self.process.wait(PATIENCE_S), self.process.stderr.read()
        self._reader.join()
        assert self._lines.empty()
        return left

    def close(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()


@pytest.fixture
def followed():
    """Start followers, and see to it that they end."""
    started = []

    def follow(*words):
        started.append(Follower(*words))
        return started[-1]

    yield follow
    for each in started:
        each.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)])
async def test_following_a_folder_that_another_process_has_open(followed, call, tmp_path, number, code):
    async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:
        await (await workspace.submit("acme.echo", "x")).wait()
        follower = followed("--data-dir", tmp_path)
        assert [event["type"] for event in follower.next(3)] == ["Submitted", "Began", "Succeeded"]
        await (await workspace.submit("acme.echo", "x")).wait()
        assert [event["position"] for event in follower.next(3)] == [4, 5, 6]
    assert follower.end(number) == (
        code,
        f"kyanite: interrupted; `kyanite events --follow --after 6 --data-dir {tmp_path}` goes on\n",
    )
    async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:
        await (await workspace.submit("acme.echo", "x")).wait()
    again = followed("--data-dir", tmp_path, "--after", "6")
    assert [event["position"] for event in again.next(3)] == [7, 8, 9]


def test_following_a_daemon_over_its_restart(followed, call, tmp_path):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    submit = ("job", "submit", tmp_path / "problem.json", "-p", "sweeps=10", "-t", SAMPLE, "--wait", "-o", "name", "-q")
    folder = tmp_path / "data"
    with daemon_over(folder) as daemon:
        follower = followed("--endpoint", daemon.address, "--after", "0")
        assert call(*submit, "--endpoint", daemon.address).code == 0
        first = follower.next(4)
        port = daemon.address.rpartition(":")[2]
        stop(daemon)
    with daemon_over(folder, "--listen", f"127.0.0.1:{port}") as daemon:
        assert call(*submit, "--endpoint", daemon.address).code == 0
        second = follower.next(4)
        code, err = follower.end()
    assert [event["position"] for event in first + second] == list(range(1, 9))
    assert code == Exit.INTERRUPTED
    assert err == f"kyanite: interrupted; `kyanite events --follow --after 8 --endpoint {daemon.address}` goes on\n"


def test_filters_stand_in_how_to_go_on(followed, jobs):
    follower = followed("--data-dir", jobs[0], "--type", "began", "-s", "Executing", "--tag", "made", "-t", "acme.echo")
    at = follower.next(1)[0]["position"]
    end = max(event.position for event in stored(jobs[0]))
    code, err = follower.end()
    assert at < end
    words = f"--follow --after {end} --type Began --status Executing --target acme.echo --tag made"
    assert (code, err) == (
        Exit.INTERRUPTED,
        f"kyanite: interrupted; `kyanite events {words} --data-dir {jobs[0]}` goes on\n",
    )


def test_so_many_and_no_more(jobs, served):
    for place in (("--data-dir", jobs[0]), ("--endpoint", served.address)):
        words = [*COMMAND, "events", "-f", "--after", "2", "-n", "3", "-o", "json", *place]
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert (done.returncode, done.stderr) == (0, "")
        assert [json.loads(line)["position"] for line in done.stdout.splitlines()] == [3, 4, 5]


@pytest.mark.parametrize("style", ["table", "json"])
def test_a_reader_that_goes_ends_it_also_while_nothing_happens(jobs, served, style):
    for place in (("--data-dir", jobs[0]), ("--endpoint", served.address)):
        process = child("events", "-f", "-n", "1", "-o", style, *place)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == Exit.BROKEN_PIPE
        assert process.stderr.read() == ""
        process.stderr.close()


def test_a_daemon_that_does_not_come_back(followed, tmp_path, monkeypatch):
    asyncio.run(fill(tmp_path))
    with daemon_over(tmp_path) as daemon:
        script = (
            "import sys; from kyanite.cli import way; way.PATIENCE_S = 0.1; "
            "from kyanite.cli.main import main; sys.exit(main(sys.argv[1:]))"
        )
        words = ["events", "-f", "-n", "1", "-o", "json", "--endpoint", daemon.address]
        process = subprocess.Popen(
            [COMMAND[0], "-c", script, *words],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        at = json.loads(process.stdout.readline())["position"]
        stop(daemon)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == Exit.ERROR
    assert err.count("\n") == 1
    assert err.endswith(f"; `kyanite events --follow --after {at} --endpoint {daemon.address}` goes on\n")


def test_a_log_of_many_pages(call, tmp_path):
    async def submit():
        workspace = with_targets(Workspace.open(data_dir=tmp_path, drive=False))
        async with workspace, anyio.create_task_group() as group:
            for number in range(2 * PAGE + 1):
                group.start_soon(workspace.submit, "acme.echo", f"job {number}")

    asyncio.run(submit())
    place = ("--data-dir", tmp_path)
    everything = list(range(1, 2 * PAGE + 2))
    assert positions(call("events", "--after", "0", "-o", "json", *place)) == everything
    assert positions(call("events", "--after", "3", "-n", PAGE + 5, "-o", "json", *place)) == everything[3 : PAGE + 8]
    with daemon_over(tmp_path) as daemon:
        place = ("--endpoint", daemon.address)
        assert positions(call("events", "--after", "0", "-o", "json", *place)) == everything
        assert positions(call("events", "-n", PAGE + 5, "-o", "json", *place)) == everything[-PAGE - 5 :]
