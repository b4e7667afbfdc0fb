"""The register: what is in its file, what is beside it in the configuration, and who may change what."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from kyanite.config import DeliverySettings
from kyanite.errors import ConfigError, InvalidRequest, QuotaExceeded, StorageFull
from kyanite.outlets.webhooks import register as module
from kyanite.outlets.webhooks.definition import (
    KeptSecret,
    Webhook,
    WebhookConfigured,
    WebhookExists,
    WebhookNotFound,
)
from kyanite.outlets.webhooks.register import FILE, Register

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"
NEW = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
URL = "https://example.org/hook"


def webhook(name="n", **fields):
    given = {"workspace": "w", "url": URL, "secrets": (KeptSecret(CANARY),), "creation_time": NOW}
    return Webhook(name=name, **(given | fields))


def configured(**fields):
    return webhook(**{"source": "config", "creation_time": None} | fields)


def test_what_was_added_is_found_by_every_process(tmp_path):
    register = Register(tmp_path / "not" / "there")
    assert (register.all(), register.removed()) == ([], ())
    for name in ("b", "a"):
        assert register.add(webhook(name)) == webhook(name)
    register.add(webhook(workspace="other"))
    again = Register(tmp_path / "not" / "there")
    assert again.all("w") == register.all("w") == [webhook("a"), webhook("b")]
    assert [each.workspace for each in again.all()] == ["other", "w", "w"]
    assert again.get("w", "a") == webhook("a")
    for workspace, name in (("w", "c"), ("other", "a"), ("", "")):
        with pytest.raises(WebhookNotFound, match=repr(name)):
            again.get(workspace, name)


def test_a_process_that_has_looked_finds_what_another_changes(tmp_path):
    one, other = Register(tmp_path), Register(tmp_path)
    one.add(webhook())
    assert other.get("w", "n").state == "active"
    one.change("w", "n", state="paused")
    assert other.get("w", "n").state == "paused"
    one.remove("w", "n")
    assert (other.all(), other.removed()) == ([], (("w", "n"),))


def test_the_file_is_nobody_elses(tmp_path):
    register = Register(tmp_path)
    register.add(webhook())
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CANARY in (tmp_path / FILE).read_text()
    assert CANARY not in repr(register.all()) + repr(register.__dict__)


def test_names_are_unique_in_a_workspace(tmp_path):
    register = Register(tmp_path, configured=[configured(name="c")])
    register.add(webhook())
    register.add(webhook(workspace="other"))
    for name in ("n", "c"):
        with pytest.raises(WebhookExists, match=name):
            register.add(webhook(name))
    assert len(register.all()) == 3


def test_a_workspace_has_so_many_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WEBHOOKS_MAX", 3)
    register = Register(tmp_path, configured=[configured(name="c")])
    for name in ("a", "b"):
        register.add(webhook(name))
    with pytest.raises(QuotaExceeded, match="3 webhooks"):
        register.add(webhook("d"))
    register.add(webhook("d", workspace="other"))
    register.remove("w", "a")
    register.add(webhook("d"))


@pytest.mark.parametrize("url", ["http://example.org/", "https://127.0.0.1/", "https://user:pw@example.org/", "x"])
def test_a_url_that_is_not_allowed_is_refused(tmp_path, url):
    register = Register(tmp_path)
    with pytest.raises(InvalidRequest) as caught:
        register.add(webhook(url=url))
    assert caught.value.field == "url"
    register.add(webhook())
    with pytest.raises(InvalidRequest):
        register.change("w", "n", url=url)
    assert register.all() == [webhook()]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tag", ("\udcff",)),
        ("tag", ("",)),
        ("tag", ("x",) * 101),
        ("target", ("x" * 513,)),
        ("name_prefix", "\ud800"),
        ("name_prefix", "x" * 513),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, field, value):
    register = Register(tmp_path)
    register.add(webhook("known"))
    for put in (
        lambda: register.add(replace(webhook(), **{field: value})),
        lambda: register.change("w", "known", **{field: value}),
    ):
        with pytest.raises(InvalidRequest, match=rf"{field} is not as it should be"):
            put()
    assert Register(tmp_path).all() == [webhook("known")]


def test_a_full_disk_is_told_and_changes_nothing(tmp_path, monkeypatch):
    register = Register(tmp_path)
    register.add(webhook())

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StorageFull, match=r"webhooks\.json: No space"):
            register.remove("w", "n")
    assert register.all() == Register(tmp_path).all() == [webhook()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["webhooks.json", "webhooks.lock"]


def test_one_whose_url_is_no_longer_allowed_is_disabled_until_it_is(tmp_path):
    lax, strict = DeliverySettings(plain_http=True), DeliverySettings()
    Register(tmp_path, lax).add(webhook(url="http://example.org/"))
    register = Register(tmp_path, strict, [configured(name="c", url="https://10.0.0.1/")])
    assert [(each.name, each.state) for each in register.all()] == [("c", "disabled"), ("n", "disabled")]
    assert register.get("w", "n").reason == "url must begin with https://"
    with pytest.raises(InvalidRequest):
        register.change("w", "n", state="active")
    assert register.change("w", "n", tag=("t",)).state == "disabled"
    assert Register(tmp_path, lax).get("w", "n").state == "active"
    assert register.change("w", "n", url=URL).state == "active"


def test_fields_are_changed(tmp_path):
    register = Register(tmp_path)
    register.add(webhook())
    changes = {"on": ("Failed",), "target": ("t",), "tag": ("g",), "name_prefix": "p", "payload": "cloudevents"}
    assert register.change("w", "n", **changes) == replace(webhook(), **changes)
    with pytest.raises(WebhookNotFound):
        register.change("w", "none", state="paused")


def test_one_that_is_disabled_stays_so_until_it_is_made_active(tmp_path):
    register = Register(tmp_path)
    register.add(webhook())
    register.disable("w", "n", "https://elsewhere.example/", "gone")
    assert register.get("w", "n").state == "active"
    register.disable("w", "n", URL, "gone")
    assert (register.get("w", "n").state, register.get("w", "n").reason) == ("disabled", "gone")
    assert Register(tmp_path).change("w", "n", url=f"{URL}2").state == "disabled"
    assert register.change("w", "n", state="active") == webhook(url=f"{URL}2")


def test_one_that_is_paused_is_not_disabled(tmp_path):
    register = Register(tmp_path)
    register.add(webhook())
    register.change("w", "n", state="paused")
    register.disable("w", "n", URL, "gone")
    assert (register.get("w", "n").state, register.get("w", "n").reason) == ("paused", "")


def test_a_new_secret_signs_beside_the_one_before(tmp_path):
    register = Register(tmp_path, DeliverySettings(secret_life_s=60.0))
    register.add(webhook())
    rotated = register.rotate("w", "n", NEW, NOW)
    assert rotated.secrets == (KeptSecret(NEW), KeptSecret(CANARY, NOW + timedelta(minutes=1)))
    assert Register(tmp_path).get("w", "n") == rotated
    with pytest.raises(WebhookNotFound):
        register.rotate("w", "none", NEW, NOW)


def test_what_was_removed_is_remembered_until_it_is_settled(tmp_path):
    register = Register(tmp_path)
    for name in ("a", "b"):
        register.add(webhook(name))
        register.remove("w", name)
    with pytest.raises(WebhookNotFound):
        register.remove("w", "a")
    register.add(webhook("a"))
    assert Register(tmp_path).removed() == (("w", "a"), ("w", "b"))
    register.settled([("w", "a"), ("w", "elsewhere")])
    assert register.removed() == (("w", "b"),)
    assert register.all() == [webhook("a")]


def test_those_of_the_configuration_are_paused_and_not_changed(tmp_path):
    register = Register(tmp_path, configured=[configured()])
    register.add(webhook("api"))
    for change in (
        lambda: register.change("w", "n", url=f"{URL}2"),
        lambda: register.change("w", "n", state="paused", tag=("t",)),
        lambda: register.rotate("w", "n", NEW, NOW),
        lambda: register.remove("w", "n"),
    ):
        with pytest.raises(WebhookConfigured, match="change 'n' in its file"):
            change()
    assert register.all() == [webhook("api"), configured()]
    assert register.change("w", "n", state="paused").state == "paused"
    assert Register(tmp_path, configured=[configured()]).get("w", "n").state == "paused"
    assert [each.name for each in Register(tmp_path).all()] == ["api"]
    assert CANARY not in (tmp_path / FILE).read_text().partition("marks")[2]
    assert register.change("w", "n", state="active") == configured()


def test_one_of_the_configuration_is_disabled_as_long_as_it_has_this_url(tmp_path):
    register = Register(tmp_path, configured=[configured()])
    register.disable("w", "n", URL, "gone")
    assert (register.get("w", "n").state, register.get("w", "n").reason) == ("disabled", "gone")
    moved = configured(url=f"{URL}2")
    assert Register(tmp_path, configured=[moved]).get("w", "n") == moved
    register.change("w", "n", state="paused")
    assert Register(tmp_path, configured=[moved]).get("w", "n").state == "paused"


def test_one_of_the_configuration_stands_before_one_of_the_same_name(tmp_path):
    Register(tmp_path).add(webhook())
    register = Register(tmp_path, configured=[configured(url=f"{URL}2")])
    assert register.get("w", "n").url == f"{URL}2"
    register.change("w", "n", state="paused")
    assert Register(tmp_path).get("w", "n") == webhook()


def test_several_processes_at_once_lose_nothing(tmp_path):
    def add(number):
        Register(tmp_path).add(webhook(f"n{number:02}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(16)))
    assert [each.name for each in Register(tmp_path).all()] == [f"n{number:02}" for number in range(16)]


def test_one_register_is_changed_by_several_threads(tmp_path):
    register = Register(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: register.add(webhook(f"n{number:02}")), range(16)))
    assert len(register.all()) == 16


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"webhooks": [{"name": 1}]}', b"\xff", b"[" * 10_000, b""])
def test_a_file_that_is_none_is_named(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    register = Register(tmp_path)
    with pytest.raises(ConfigError, match=f"{FILE} is not a file of webhooks"):
        register.all()
    with pytest.raises(ConfigError):
        register.add(webhook())
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("secrets", [[], [{"text": "canary-canary"}], [{"text": f"{CANARY}!"}]])
def test_a_webhook_without_a_good_secret_is_none_of_a_file(tmp_path, secrets):
    Register(tmp_path).add(webhook())
    content = msgspec.json.decode((tmp_path / FILE).read_bytes())
    content["webhooks"][0]["secrets"] = secrets
    (tmp_path / FILE).write_bytes(msgspec.json.encode(content))
    with pytest.raises(ConfigError, match="'n'") as caught:
        Register(tmp_path).all()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("field", ["name", "workspace"])
def test_a_name_that_is_none_is_none_of_a_file(tmp_path, field):
    Register(tmp_path).add(webhook())
    content = msgspec.json.decode((tmp_path / FILE).read_bytes())
    content["webhooks"][0][field] = "../x"
    (tmp_path / FILE).write_bytes(msgspec.json.encode(content))
    with pytest.raises(ConfigError, match=field):
        Register(tmp_path).all()


def test_what_a_later_release_adds_to_the_file_is_passed_over(tmp_path):
    Register(tmp_path).add(webhook())
    content = msgspec.json.decode((tmp_path / FILE).read_bytes())
    content["webhooks"][0]["colour"] = content["colours"] = ["red"]
    (tmp_path / FILE).write_bytes(msgspec.json.encode(content))
    assert Register(tmp_path).all() == [webhook()]
