import asyncio
import json

import anyio
import pytest

from kyanite import Workspace
from kyanite.cli.exits import Exit
from kyanite.core.events import Succeeded
from kyanite.ports import Manner, Subscription
from tests.cli.daemons import daemon_over, stop
from tests.cli.places import PATIENCE_S, with_targets


async def all_done(workspace, dead):
    """Wait until all was offered, and so much is dead."""
    with anyio.fail_after(PATIENCE_S):
        while {each.name: each.dead for each in await standing(workspace)} != dead:  # noqa: ASYNC110  # nothing tells
            await anyio.sleep(0.01)


async def standing(workspace):
    """How those stand that have nothing before them."""
    return [each for each in await workspace.deliveries.subscribers() if not each.behind and not each.waiting]


async def subscribed(folder):
    """Leave a subscriber that took nothing, one that took all, and three jobs."""
    async with with_targets(Workspace.open(data_dir=folder)) as workspace:

        @workspace.on_final(name="ledger")
        async def take(event, details):
            assert details.id == event.job_id

        async def refuse(event, details):
            raise ValueError(f"no place for {event.job_id}")

        workspace.subscribe(
            Subscription((Succeeded,), refuse, workspace.name, "shelf", manner=Manner(delays_s=(0.001,), logs=True))
        )
        for name in ("a", "b", "c"):
            await (await workspace.submit("acme.echo", "x", job_id=name)).wait()
        await all_done(workspace, {"ledger": 0, "shelf": 3})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("subscribers") / "data"
    asyncio.run(subscribed(made))
    return made


@pytest.fixture(scope="module")
def daemon(folder):
    with daemon_over(folder) as started:
        yield started
        stop(started)


@pytest.fixture(params=["folder", "daemon"])
def place(request, folder):
    """Where the subscribers are looked at; once the daemon has it open, the folder leads there, too."""
    if request.param == "folder":
        return ("--data-dir", folder)
    return ("--endpoint", request.getfixturevalue("daemon").address)


def test_listed(call, place):
    code, out, err = call("subscriber", "list", "-o", "json", *place)
    found = {each["name"]: each for each in json.loads(out)}
    assert (code, err) == (0, "")
    assert [(name, each["behind"], each["waiting"], each["dead"]) for name, each in found.items()] == [
        ("ledger", 0, 0, 0),
        ("shelf", 0, 0, 3),
    ]
    assert {each["running"] for each in found.values()} <= ({None, False} if place[0] == "--data-dir" else {False})
    rows = call("subscriber", "list", *place).out.splitlines()
    assert rows[0].split() == ["NAME", "POSITION", "BEHIND", "WAITING", "DEAD", "RUNNING", "SEEN"]
    assert rows[2].split()[:5] == ["shelf", "9", "0", "0", "3"]
    assert call("subscriber", "list", "-o", "name", *place).out == "ledger\nshelf\n"


def test_shown(call, place):
    code, out, err = call("subscriber", "show", "shelf", *place)
    assert (code, err) == (0, "")
    facts, letters, attempts = out.replace("\nnewest attempts\n", "\nletters\n").split("\nletters\n")
    assert "dead      3 letters" in facts
    assert [row.split()[1] for row in letters.splitlines()[1:]] == ["a", "b", "c"]
    assert all("dead" in row and f"no place for {row.split()[1]}" in row for row in letters.splitlines()[1:])
    assert len(attempts.splitlines()) == 1 + 6
    assert attempts.splitlines()[1].split()[3:6:2] == ["c", "failed"]
    record = json.loads(call("subscriber", "show", "shelf", "-o", "json", *place).out)
    assert [letter["job_id"] for letter in record["letters"]] == ["a", "b", "c"]
    assert [attempt["number"] for attempt in record["attempts"]] == [2, 1, 2, 1, 2, 1]
    assert all("no place for" in each["error"] for each in [*record["letters"], *record["attempts"]])
    few = json.loads(call("subscriber", "show", "shelf", "-n", "2", "--dead", "-o", "jsonl", *place).out)
    assert (len(few["letters"]), len(few["attempts"])) == (2, 2)
    assert "letters\n" not in call("subscriber", "show", "ledger", *place).out.replace("0 letters", "")


def test_replayed_where_nobody_delivers(call, tmp_path):
    asyncio.run(subscribed(tmp_path))
    place = ("--data-dir", tmp_path)
    code, out, err = call("subscriber", "replay", "shelf", "--dead", *place)
    assert (code, out, err) == (0, "3\n", "events that shelf is offered anew, once it is delivered to\n")
    standing = json.loads(call("subscriber", "list", "-o", "json", *place).out)[1]
    assert (standing["waiting"], standing["dead"]) == (3, 0)
    assert all(
        "in 0ms" in row
        for row in call("subscriber", "show", "shelf", *place).out.splitlines()
        if "no place" in row and " dead" not in row and " failed" not in row
    )
    taken = []

    async def deliver():
        async with with_targets(Workspace.open(data_dir=tmp_path)) as workspace:

            @workspace.on(Succeeded, name="shelf")
            async def take(event, details):
                taken.append(event.job_id)

            await all_done(workspace, {"ledger": 0, "shelf": 0})

    asyncio.run(deliver())
    assert taken == ["a", "b", "c"]
    assert json.loads(call("subscriber", "list", "-o", "json", *place).out)[1]["waiting"] == 0


def test_replayed_on_a_daemon_that_does_not_deliver_to_it(call, folder, daemon):
    position = json.loads(call("subscriber", "show", "shelf", "-o", "json", "--data-dir", folder).out)["letters"][1][
        "position"
    ]
    for place in (("--data-dir", folder), ("--endpoint", daemon.address)):
        code, out, _ = call("subscriber", "replay", "shelf", "--position", position, "-o", "json", *place)
        assert (code, json.loads(out)) == (0, {"subscriber": "shelf", "letters": 1})
        code, out, err = call("subscriber", "replay", "shelf", "--after", "0", *place)
        assert (code, out) == (Exit.ERROR, "")
        assert "is not delivered to at present" in err


@pytest.mark.parametrize("word", ["show", "replay"])
def test_nobody(call, place, word):
    words = ("--dead",) if word == "replay" else ()
    code, out, err = call("subscriber", word, "shelv", *words, *place)
    assert (code, out) == (Exit.ERROR, "")
    assert err == "kyanite: there is no subscriber 'shelv'; did you mean shelf?\n"


def test_none(call, tmp_path):
    asyncio.run(opened(tmp_path))
    place = ("--data-dir", tmp_path)
    assert call("subscriber", "list", *place) == (0, "", "no named subscribers; `kyanite webhook add` makes one\n")
    assert call("subscriber", "show", "x", *place).err == "kyanite: there is no subscriber 'x'; there are: none\n"


async def opened(folder):
    async with Workspace.open(data_dir=folder, drive=False):
        return


def test_no_folder(call, tmp_path):
    for words in (("list",), ("show", "x"), ("replay", "x", "--dead")):
        code, out, err = call("subscriber", *words, "--data-dir", tmp_path / "none")
        assert (code, out) == (Exit.ERROR, "")
        assert err.startswith("kyanite: there are no jobs in")
    assert not (tmp_path / "none").exists()


def test_names_are_offered(call, folder, monkeypatch):
    monkeypatch.setenv("_KYANITE_COMPLETE", "fish_complete")
    monkeypatch.setenv("KYANITE_DATA_DIR", str(folder))
    monkeypatch.setenv("COMP_WORDS", "kyanite subscriber show")
    monkeypatch.setenv("COMP_CWORD", "")
    code, out, err = call()
    assert (code, err) == (0, "")
    assert "shelf\t0 behind, " in out
    assert "ledger\t0 behind, 0 wait, 0 dead" in out
