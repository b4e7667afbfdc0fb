from datetime import UTC, datetime, timedelta
from io import StringIO

from rich.console import Console

from kyanite.core.events import Cancelled, Failed, Resumed, Succeeded
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, origin_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"


def webhook(**fields):
    secrets = fields.pop("secrets", (KeptSecret(CANARY),))
    return Webhook(name="n", workspace="w", url="https://example.org:8443/path?key=1", secrets=secrets, **fields)


def test_it_shows_neither_its_secret_nor_its_path():
    console = Console(file=StringIO(), width=1_000)
    console.print(webhook())
    for shown in (repr(webhook()), str(webhook().secrets), console.file.getvalue()):
        assert CANARY not in shown
        assert "path" not in shown
        assert "<hidden>" in shown
    assert "https://example.org:8443'" in repr(webhook())


def test_its_types_are_those_that_it_names():
    assert webhook().types == (Succeeded, Failed, Cancelled)
    assert webhook(on=("Resumed",)).types == (Resumed,)


def test_a_new_secret_stands_before_the_one_that_ends():
    made = webhook().rotated("new", NOW, 60.0)
    assert made.secrets == (KeptSecret("new"), KeptSecret(CANARY, NOW + timedelta(minutes=1)))
    assert [secret.lives(NOW + timedelta(seconds=59)) for secret in made.secrets] == [True, True]
    assert [secret.lives(NOW + timedelta(seconds=60)) for secret in made.secrets] == [True, False]


def test_two_secrets_live_at_most():
    once = webhook().rotated("b", NOW, 60.0)
    twice = once.rotated("c", NOW + timedelta(seconds=1), 60.0)
    assert [secret.text for secret in twice.secrets] == ["c", "b"]
    assert twice.secrets[1].end_time == NOW + timedelta(seconds=61)


def test_a_secret_without_a_life_after_ends_at_once():
    assert webhook().rotated("new", NOW, 0.0).secrets == (KeptSecret("new"),)


def test_the_end_of_a_secret_is_never_put_off():
    ending = webhook(secrets=(KeptSecret("a", NOW + timedelta(seconds=5)),))
    assert ending.rotated("b", NOW, 60.0).secrets[1].end_time == NOW + timedelta(seconds=5)
    assert ending.rotated("b", NOW + timedelta(seconds=6), 60.0).secrets == (KeptSecret("b"),)


def test_the_origin_of_no_url_is_nothing():
    assert [origin_of(url) for url in ("https://h/p", "nothing", "http://[", "")] == ["https://h", "", "", ""]
