import json
import subprocess
from typing import get_args

import pytest

from kyanite.cli.exits import Exit
from kyanite.cli.webhook import FINALS, KINDS, PAYLOADS
from kyanite.cli.webhook_register import KINDS as SCHEMES
from kyanite.config.settings import FINAL_TYPES
from kyanite.outlets.webhooks import verify
from kyanite.outlets.webhooks.definition import Payload
from kyanite.outlets.webhooks.record import WebhookRecord
from kyanite.outlets.webhooks.register import Register
from kyanite.outlets.webhooks.secret import generate, parse
from tests.cli.daemons import daemon_over, stop
from tests.cli.places import COMMAND, PROBLEM, environment, until
from tests.cli.receiver import receiving

SAMPLE = "microsoft.simulatedannealing.cpu"
URL = "https://hooks.example.org/in?token=in-the-url"


@pytest.fixture
def place(tmp_path):
    """A folder that nobody has open."""
    return ("--data-dir", tmp_path / "data")


@pytest.fixture
def receiver():
    with receiving() as started:
        yield started


def added(call, *words):
    """A webhook that was added, with its secret."""
    code, out, err = call("webhook", "add", *words, "-o", "json", "-q")
    assert (code, err, out.count("\n")) == (0, "", 1)
    return json.loads(out)


def shown(call, name, *place):
    code, out, err = call("webhook", "show", name, "-o", "json", *place)
    assert (code, err) == (0, "")
    return json.loads(out)


def test_words_are_those_of_the_outlet():
    assert FINALS == FINAL_TYPES
    assert get_args(Payload) == PAYLOADS
    assert tuple(SCHEMES) == KINDS


# In a folder that nobody has open -------------------------------------------------------------------------------------


def test_added_listed_shown_removed(call, place):
    made = added(call, "audit", URL, "--on", "failed", "--tag", "a", "--tag", "b", "--name-prefix", "n", *place)
    kept = Register(place[1]).get("default", "audit")
    assert [secret.text for secret in kept.secrets] == [made["secret"]]
    assert (kept.url, kept.on, kept.tag, kept.name_prefix, kept.state) == (URL, ("Failed",), ("a", "b"), "n", "active")
    assert set(made) == {*WebhookRecord.__struct_fields__, "secret"}
    listed = call("webhook", "list", "-o", "json", *place)
    assert json.loads(listed.out) == [{name: value for name, value in made.items() if name != "secret"}]
    table = call("webhook", "list", *place).out
    facts = call("webhook", "show", "audit", *place).out
    assert [line.split()[:2] for line in table.splitlines()] == [["NAME", "URL"], ["audit", URL]]
    assert "state        active" in facts.replace("state    ", "state        ")
    record = shown(call, "audit", *place)
    assert (record["standing"], record["letters"], record["attempts"]) == (None, [], [])
    for text in (listed.out, table, facts, json.dumps(record)):
        assert made["secret"].removeprefix("whsec_") not in text
    assert call("webhook", "show", "audit", "-o", "name", *place).out == "audit\n"
    assert call("webhook", "remove", "audit", *place) == (0, "audit\n", "")
    assert Register(place[1]).all() == []
    assert call("webhook", "list", *place) == (0, "", "no webhooks; `kyanite webhook add NAME URL` makes one\n")


def test_for_people_the_secret_is_shown_once(call, place):
    code, out, err = call("webhook", "add", "audit", URL, *place)
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, facts["url"], facts["signed"]) == (0, URL, "with HMAC-SHA256")
    assert parse(facts["secret"]).kind == "v1"
    assert err == "the secret is not shown again\nevents are sent while a daemon has the folder open: `kyanite serve`\n"


def test_pause_resume_rotate(call, place):
    made = added(call, "audit", URL, *place)
    assert call("webhook", "pause", "audit", *place) == (0, "audit\n", "")
    assert Register(place[1]).get("default", "audit").state == "paused"
    assert json.loads(call("webhook", "resume", "audit", "-o", "json", *place).out)["state"] == "active"
    code, out, _ = call("webhook", "rotate", "audit", "-o", "json", *place)
    rotated = json.loads(out)
    texts = [secret.text for secret in Register(place[1]).get("default", "audit").secrets]
    assert (code, texts) == (0, [rotated["secret"], made["secret"]])
    assert rotated["previous_end_time"] is not None
    facts = call("webhook", "show", "audit", *place).out
    assert "signs, too, until " in facts
    assert not any(text.removeprefix("whsec_") in facts for text in texts)
    assert "secret" in call("webhook", "rotate", "audit", *place).out


def test_a_secret_of_ones_own_is_not_repeated(call, place, tmp_path):
    own, other = generate().text, generate().text
    (tmp_path / "secret").write_text(f"{own}\n")
    made = call("webhook", "add", "audit", URL, "--secret-file", tmp_path / "secret", *place)
    assert made.code == 0
    assert own not in made.out + made.err
    assert [secret.text for secret in Register(place[1]).get("default", "audit").secrets] == [own]
    words = ["webhook", "add", "second", URL, "--secret-file", "-", "-o", "json", *place]
    done = subprocess.run(
        [*COMMAND, *words], env=environment(), input=other, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["secret"] is None
    assert [secret.text for secret in Register(place[1]).get("default", "second").secrets] == [other]


def test_of_a_pair_of_keys_the_public_one_is_shown(call, place):
    made = added(call, "audit", URL, "--kind", "ed25519", *place)
    (kept,) = Register(place[1]).get("default", "audit").secrets
    assert (made["secret"], made["kind"]) == (None, "v1a")
    assert made["public_key"] == parse(kept.text).public_key.text
    facts = call("webhook", "show", "audit", *place).out
    assert made["public_key"] in facts
    assert kept.text.removeprefix("whsk_") not in facts + json.dumps(made)


def test_workspaces_are_apart(call, place):
    added(call, "audit", URL, "-w", "one", *place)
    assert json.loads(call("webhook", "list", "-w", "one", "-o", "json", *place).out)[0]["workspace"] == "one"
    assert json.loads(call("webhook", "list", "-o", "json", *place).out) == []
    assert call("webhook", "remove", "audit", *place).code == Exit.ERROR


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("add", "audit", "http://hooks.example.org/"), Exit.ERROR, "url must begin with https://"),
        (("add", "audit", "https://10.0.0.1/"), Exit.ERROR, "delivery.allow does not name"),
        (("add", "a b", URL), Exit.ERROR, "name is 1 to 128 letters"),
        (("add", "known", URL), Exit.ERROR, "'known'"),
        (("add", "audit", URL, "--on", "Succeded"), Exit.USAGE, "did you mean succeeded?"),
        (("add", "audit", URL, "--payload", "xml"), Exit.USAGE, "there are: standard, cloudevents"),
        (("add", "audit", URL, "--tag", "\udcff"), Exit.ERROR, "tag is not as it should be"),
        (("add", "audit", URL, "--target", ""), Exit.ERROR, "target is not as it should be"),
        (("add", "audit", URL, "--kind", "rsa"), Exit.USAGE, "there are: hmac, ed25519"),
        (("add", "audit", URL, "--secret-file", "nowhere"), Exit.USAGE, "nowhere: No such file"),
        (("add", "audit", URL, "--secret-file", "{short}"), Exit.ERROR, "secret is 5 bytes; 24 to 64 are allowed"),
        (("add", "audit", URL, "--secret-file", "{binary}"), Exit.USAGE, "is no text"),
        *(
            ((word, "nobody"), Exit.ERROR, "there is no webhook 'nobody'; `kyanite webhook list --data-dir")
            for word in ("show", "pause", "resume", "rotate", "remove", "test")
        ),
        (("test", "known"), Exit.ERROR, "which would send it; `kyanite serve` starts one"),
        (("replay", "known"), Exit.USAGE, "say which events: --dead, --position N, or --after N"),
        (("replay", "known", "--dead", "--until", "3"), Exit.USAGE, "--until goes with --after"),
        (("replay", "known", "--dead"), Exit.ERROR, "there are no jobs in"),
    ],
)
def test_what_does_not_go(call, place, tmp_path, words, code, what):
    added(call, "known", URL, *place)
    (tmp_path / "short").write_text("whsec_c2hvcnQ=")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    names = {name: tmp_path / name for name in ("short", "binary")}
    left = call("webhook", *(word.format_map(names) for word in words), *place)
    assert (left.code, left.out, left.err.count("\n")) == (code, "", 1)
    assert what in left.err
    assert "c2hvcnQ" not in left.err
    assert "token" not in left.err
    assert not (place[1] / "jobs.sqlite").exists()


def test_of_the_configuration(call, place, tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", generate().text)
    (tmp_path / "hooks.toml").write_text(
        f'[[webhooks]]\nname = "fixed"\nurl = "{URL}"\nsecrets = [{{ env = "HOOK_SECRET" }}]\n'
    )
    place = (*place, "--config", tmp_path / "hooks.toml")
    assert "in the configuration" in call("webhook", "show", "fixed", *place).out
    assert call("webhook", "pause", "fixed", *place).code == 0
    assert shown(call, "fixed", *place)["state"] == "paused"
    for word in ("rotate", "remove"):
        code, out, err = call("webhook", word, "fixed", *place)
        assert (code, out) == (Exit.ERROR, "")
        assert "in its file" in err


# By way of a daemon ---------------------------------------------------------------------------------------------------


def succeed(call, tmp_path, *place, job_id):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    words = ("job", "submit", tmp_path / "problem.json", "-p", "sweeps=10", "-t", SAMPLE, "--job-id", job_id, "--wait")
    assert call(*words, "-q", *place).code == 0


def settled(call, name, *place, **expected):
    """How the webhook stands, as soon as it is as expected."""

    def found():
        standing = shown(call, name, *place)["standing"]
        return standing if standing and expected.items() <= standing.items() else None

    return until(found, f"{name} is not {expected}")


@pytest.mark.parametrize("by", ["address", "folder"])
def test_on_a_daemon(call, receiver, tmp_path, by):
    folder = tmp_path / "data"
    with daemon_over(folder, *receiver.settings(tmp_path)) as daemon:
        place = ("--endpoint", daemon.address) if by == "address" else ("--data-dir", folder)
        code, out, err = call("webhook", "add", "audit", receiver.url, *place)
        assert (code, err) == (0, "the secret is not shown again\n")
        secret = parse(dict(line.split(maxsplit=1) for line in out.splitlines())["secret"])
        succeed(call, tmp_path, *place, job_id="first")
        message = receiver.next()
        verify(message.headers, message.body, [secret.text])
        assert (message.path, message.json["type"]) == ("/hook?token=in-the-url", "job.succeeded")
        standing = settled(call, "audit", *place, waiting=0, behind=0)
        assert standing["running"] is True
        record = shown(call, "audit", *place)
        (attempt,) = record["attempts"]
        assert (attempt["status"], attempt["taken"], attempt["excerpt"]) == (200, True, "thank you")
        facts, _, attempts = call("webhook", "show", "audit", *place).out.partition("\nnewest attempts\n")
        assert "behind    0 positions" in facts
        assert attempts.splitlines()[1].split()[2:] == [
            *(str(attempt["position"]), "first", "1", "200", attempts.split()[-3], "thank", "you")
        ]
        replays(call, receiver, message, attempt["position"], place)
        rotates(call, receiver, secret, tmp_path, place)
        goes_on_after_a_pause(call, receiver, tmp_path, place)
        assert call("webhook", "remove", "audit", *place) == (0, "audit\n", "")
        assert json.loads(call("webhook", "list", "-o", "json", *place).out) == []
        until(lambda: call("subscriber", "list", "-o", "json", *place).out == "[]\n", "its letters are kept")
        stop(daemon)


def replays(call, receiver, message, position, place):
    """The same event comes again, under the same id."""
    for words in (("--position", position), ("--after", "0"), ("--after", position - 1, "--until", position)):
        code, out, _ = call("webhook", "replay", "audit", *words, *place)
        assert (code, out) == (0, "1\n")
        again = receiver.next()
        assert again.headers["webhook-id"] == message.headers["webhook-id"]
        assert again.json == message.json
    assert json.loads(call("webhook", "replay", "audit", "--dead", "-o", "json", *place).out) == {
        "subscriber": "webhook/audit",
        "letters": 0,
    }
    code, out, err = call("webhook", "replay", "audit", "--position", position + 100, *place)
    assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1)


def rotates(call, receiver, secret, tmp_path, place):
    """Both secrets sign."""
    made = json.loads(call("webhook", "rotate", "audit", "-o", "json", *place).out)
    code, out, _ = call("webhook", "test", "audit", "-o", "json", *place)
    message = receiver.next()
    assert (code, json.loads(out)["status"], message.json["type"]) == (0, 200, "webhook.test")
    for text in (made["secret"], secret.text):
        verify(message.headers, message.body, [text])
    assert receiver.messages.empty()


def goes_on_after_a_pause(call, receiver, tmp_path, place):
    """What happened meanwhile comes then."""
    assert call("webhook", "pause", "audit", *place).out == "audit\n"
    succeed(call, tmp_path, *place, job_id="second")
    assert receiver.messages.empty()
    assert shown(call, "audit", *place)["state"] == "paused"
    assert call("webhook", "resume", "audit", *place) == (0, "audit\n", "")
    assert receiver.next().json["data"]["job"]["id"] == "second"


def test_what_is_not_taken(call, receiver, tmp_path):
    folder = tmp_path / "data"
    options = receiver.settings(tmp_path)
    receiver.status, receiver.answer = 500, b"not today"
    place = ("--data-dir", folder)
    with daemon_over(folder, *options) as daemon:
        made = added(call, "audit", receiver.url, *place)
        code, out, _ = call("webhook", "test", "audit", *place)
        assert code == Exit.ERROR
        assert "not taken" in out
        assert "not today" in out
        succeed(call, tmp_path, *place, job_id="first")
        settled(call, "audit", *place, waiting=0, dead=1)
        (letter,) = shown(call, "audit", *place)["letters"]
        assert (letter["job_id"], letter["due_time"]) == ("first", None)
        statuses = [(attempt["number"], attempt["status"]) for attempt in shown(call, "audit", *place)["attempts"]]
        assert statuses == [(2, 500), (1, 500)]
        table = call("subscriber", "show", "webhook/audit", *place).out
        assert "dead" in table
        assert "not today" in call("webhook", "show", "audit", *place).out
        receiver.status = 200
        assert call("webhook", "replay", "audit", "--dead", *place).out == "1\n"
        settled(call, "audit", *place, waiting=0, dead=0)
        receiver.status = 410
        succeed(call, tmp_path, *place, job_id="second")
        until(lambda: shown(call, "audit", *place)["state"] == "disabled", "it is not disabled")
        assert "disabled: " in call("webhook", "show", "audit", *place).out
        daemon.process.send_signal(15)
        said = daemon.process.stderr.read()
        assert daemon.process.wait(30) == 0
    assert "in-the-url" not in said
    assert made["secret"].removeprefix("whsec_") not in said
    # Nobody has it open now, and all is as it was.
    assert shown(call, "audit", *place)["state"] == "disabled"
    assert shown(call, "audit", *place)["standing"]["running"] is None
    receiver.status = 200
    assert call("webhook", "resume", "audit", *place, *options).code == 0
    with daemon_over(folder, *options) as daemon:
        until(lambda: shown(call, "audit", *place)["standing"]["waiting"] == 0, "it does not go on")
        stop(daemon)


def test_refused_on_a_daemon_as_in_a_folder(call, receiver, tmp_path):
    folder = tmp_path / "data"
    with daemon_over(folder) as daemon:
        for words in (
            ("add", "audit", receiver.url),
            ("add", "a b", URL),
            ("show", "nobody"),
            ("pause", "nobody"),
            ("test", "nobody"),
            ("remove", "nobody"),
            ("rotate", "nobody"),
            ("replay", "nobody", "--dead"),
            ("show", ""),
            ("remove", ".."),
        ):
            code, out, err = call("webhook", *words, "--endpoint", daemon.address)
            assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1), words
            assert "token" not in err
            by_folder = call("webhook", *words, "--data-dir", folder)
            assert by_folder.err.split("`")[0] == err.split("`")[0]
        assert added(call, "audit", URL, "--endpoint", daemon.address)["state"] == "active"
        assert call("webhook", "add", "audit", URL, "--endpoint", daemon.address).code == Exit.ERROR
        stop(daemon)


def test_names_are_offered(call, capfd, place, monkeypatch):
    added(call, "audit", URL, *place)
    added(call, "other", URL, *place)
    monkeypatch.setenv("_KYANITE_COMPLETE", "fish_complete")
    monkeypatch.setenv("KYANITE_DATA_DIR", str(place[1]))
    monkeypatch.setenv("COMP_WORDS", "kyanite webhook show")
    monkeypatch.setenv("COMP_CWORD", "au")
    code, out, err = call()
    assert (code, err) == (0, "")
    assert "audit\tactive" in out
    assert "other" not in out
