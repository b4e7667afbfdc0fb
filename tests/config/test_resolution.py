"""Layer upon layer: what applies, where it came from, and how it is shown."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.config import (
    DeliverySettings,
    HookSettings,
    Settings,
    StoreSettings,
    WebhookSettings,
    chosen,
    load,
    resolve,
)
from kyanite.config.resolution import Resolved
from kyanite.config.schema import leaves
from kyanite.config.settings import EventType
from kyanite.core.backoff import Backoff

TEXT = """
workspace = "team"
limits.cores = 2
limits.gpus = 1
[providers.local]
workers_max = 2
[providers.acme]
auth = { user = "me", token = { env = "ACME" } }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(TEXT)
    return path


def test_arguments_over_environment_over_file_over_defaults(file):
    environ = {
        "KYANITE_LIMITS__CORES": "3",
        "KYANITE_LIMITS__GPUS": "3",
        "KYANITE_QUEUE__WINDOW": "3",
        "KYANITE_PROVIDERS__LOCAL__WORKERS_MAX": "3",
    }
    resolved = resolve(file, environ, {"limits.cores": 4, "data_dir": Path("here"), "store.url": None})
    settings = resolved.settings
    assert (settings.limits.cores, settings.limits.gpus, settings.queue.window) == (4.0, 3, 3)
    assert (settings.workspace, settings.data_dir, settings.store.url) == ("team", "here", "")
    assert settings.providers["local"] == {"workers_max": 3}
    origins = {row.path: row.origin for row in resolved.rows()}
    assert {path: origin for path, origin in origins.items() if origin != "default"} == {
        "workspace": f"file {file}",
        "data_dir": "argument",
        "limits.cores": "argument",
        "limits.gpus": "environment KYANITE_LIMITS__GPUS",
        "queue.window": "environment KYANITE_QUEUE__WINDOW",
        "providers.local.workers_max": "environment KYANITE_PROVIDERS__LOCAL__WORKERS_MAX",
        "providers.acme.auth.user": f"file {file}",
        "providers.acme.auth.token": f"file {file}",
    }


def test_every_setting_has_a_row():
    rows = resolve(environ={}).rows()
    assert [row.path for row in rows] == [".".join(parts) for parts in leaves()]
    assert {row.origin for row in rows} == {"default"}
    assert ("limits.cores", "0.0", "default") in rows
    assert ("data_dir", '"./.kyanite"', "default") in rows


def test_the_environment_names_the_file(file, tmp_path):
    environ = {"KYANITE_CONFIG": str(file)}
    assert resolve(environ=environ).settings.workspace == "team"
    other = tmp_path / "other.toml"
    other.write_text("workspace = 'other'\n")
    assert resolve(other, environ).settings.workspace == "other"
    assert resolve(environ={"KYANITE_CONFIG": ""}).settings == Settings()


def test_a_home_folder_is_meant(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    assert load("~/kyanite.toml").workspace == "team"


@pytest.mark.parametrize(
    ("variables", "auth"),
    [
        ({"__AUTH": "none"}, "none"),
        ({"__AUTH": "{}"}, {"user": "me", "token": {"env": "ACME"}}),
        ({"__AUTH": "{ user = 'you' }"}, {"user": "you", "token": {"env": "ACME"}}),
        ({"__AUTH__USER__NAME": "you"}, {"user": {"name": "you"}, "token": {"env": "ACME"}}),
        ({"__AUTH__TOKEN": "{ file = '/t' }"}, {"user": "me", "token": {"file": "/t"}}),
    ],
)
def test_a_layer_replaces_what_it_names_and_no_more(file, variables, auth):
    resolved = resolve(file, {f"KYANITE_PROVIDERS__ACME{name}": text for name, text in variables.items()})
    assert resolved.settings.providers["acme"]["auth"] == auth
    shown = {row.path for row in resolved.rows() if row.path.startswith("providers.")}
    assert shown == {path for path in resolved.origins if path.startswith("providers.")}


def test_a_provider_without_options_is_kept(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text("[providers.local]\n[providers.'a.b']\nauth = {}\n")
    resolved = resolve(path, {})
    assert resolved.settings.providers == {"local": {}, "a.b": {"auth": {}}}
    assert [row.path for row in resolved.rows()][-2:] == ["providers.local", 'providers."a.b".auth']
    assert {row.origin for row in resolved.rows()[-2:]} == {f"file {path}"}


def test_the_printed_file_is_the_settings(file, tmp_path):
    resolved = resolve(file, {"KYANITE_PROVIDERS__ACME__API_KEY": "hunter2", "KYANITE_RETRY__JITTER": "0.125"})
    printed = tmp_path / "printed.toml"
    printed.write_text(resolved.toml())
    assert load(printed) == resolved.settings
    assert "hunter2" not in resolved.toml()
    assert 'api_key = { env = "KYANITE_PROVIDERS__ACME__API_KEY" }' in resolved.toml()


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.datetimes()
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.' \"\n\x7f", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text("ab.=[", max_size=3), st.dictionaries(st.text("xy-. ", max_size=3), VALUES), max_size=3))
def test_whatever_a_provider_takes_is_printed_as_it_is_read(tmp_path_factory, providers):
    settings = Settings(providers=providers)
    printed = tmp_path_factory.getbasetemp() / "printed.toml"
    printed.write_text(Resolved(settings, {}).toml(), encoding="utf-8", newline="")
    assert load(printed) == settings


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NAMES = st.text("ab-_", min_size=1, max_size=4).map("a".__add__)
FILTERS = {
    "workspace": st.just("") | NAMES,
    "on": st.lists(st.sampled_from(get_args(EventType)), min_size=1, max_size=3).map(tuple),
    "target": st.lists(TEXTS.filter(bool), max_size=2).map(tuple),
    "tag": st.lists(TEXTS.filter(bool), max_size=2).map(tuple),
    "name_prefix": TEXTS,
}
REFERENCES = st.builds(lambda kind, name: {kind: name}, st.sampled_from(["env", "file"]), TEXTS.filter(bool))
WEBHOOKS = st.builds(
    WebhookSettings,
    name=NAMES,
    url=st.text("abc/?#=%äβ'", max_size=9).map("https://host/".__add__),
    secrets=st.lists(REFERENCES, min_size=1, max_size=2).map(tuple),
    payload=st.sampled_from(["standard", "cloudevents"]),
    **FILTERS,
)
HOOKS = st.builds(
    HookSettings,
    run=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    name=st.just("") | NAMES,
    timeout_s=st.floats(0.1, 1e6),
    **FILTERS,
)
DELIVERIES = st.builds(
    DeliverySettings,
    allow=st.lists(st.sampled_from(["localhost", "10.0.0.0/8", "::1"]), max_size=2).map(tuple),
    ports=st.lists(st.integers(1, 65_535), max_size=2).map(tuple),
    delays_s=st.lists(st.floats(0, 1e9), max_size=3).map(tuple),
)


def named(outlet):
    return outlet.workspace, outlet.title


@given(
    st.lists(WEBHOOKS, unique_by=named, max_size=3).map(tuple),
    st.lists(HOOKS, unique_by=named, max_size=3).map(tuple),
    DELIVERIES,
)
def test_lists_and_arrays_are_printed_as_they_are_read(tmp_path_factory, webhooks, hooks, delivery):
    settings = Settings(webhooks=webhooks, hooks=hooks, delivery=delivery)
    resolved = Resolved(settings, {})
    printed = tmp_path_factory.getbasetemp() / "arrays.toml"
    printed.write_text(resolved.toml(), encoding="utf-8", newline="")
    assert load(printed) == settings
    rows = {row.path: row.value for row in resolved.rows()}
    for index, hook in enumerate(hooks):
        assert tomllib.loads(f"run = {rows[f'hooks.{index}.run']}") == {"run": list(hook.run)}
    for index in range(len(webhooks)):
        assert rows[f"webhooks.{index}.url"] in {'"https://host/"', '"https://host/..."'}


def test_a_table_with_what_must_not_be_shown_is_a_comment(tmp_path):
    plain, told = {"env": "A"}, "https://host/?token=hunter2"
    webhooks = (
        WebhookSettings(name="hidden", url=told, secrets=(plain,)),
        WebhookSettings(name="literal", url="https://host/", secrets=("hunter2",)),
        WebhookSettings(name="shown", url="https://host/path", secrets=(plain,)),
    )
    resolved = Resolved(Settings(webhooks=webhooks), {})
    assert "hunter2" not in resolved.toml() + repr(resolved)
    assert '# [[webhooks]]\n# name = "hidden"\n# url = <hidden>\n' in resolved.toml()
    printed = tmp_path / "printed.toml"
    printed.write_text(resolved.toml())
    assert load(printed).webhooks == webhooks[2:]


def test_what_must_not_be_shown_is_a_comment(tmp_path):
    resolved = resolve(environ={"KYANITE_PROVIDERS__ACME__ADDRESS": "https://me:hunter2@host/"})
    assert resolved.settings.providers == {"acme": {"address": "https://me:hunter2@host/"}}
    assert resolved.rows()[-1] == (
        "providers.acme.address",
        "<hidden>",
        "environment KYANITE_PROVIDERS__ACME__ADDRESS",
    )
    assert "hunter2" not in resolved.toml() + repr(resolved)
    printed = tmp_path / "printed.toml"
    printed.write_text(resolved.toml())
    assert load(printed).providers == {"acme": {}}


def test_settings_are_taken_as_they_are(monkeypatch, file):
    monkeypatch.setenv("KYANITE_WORKSPACE", "from-the-environment")
    given_settings = Settings(workspace="given", retry=Backoff(jitter=0.0), store=StoreSettings(url="memory:"))
    assert chosen(given_settings) is given_settings
    moved = chosen(given_settings, data_dir=Path("elsewhere"))
    assert (moved.data_dir, moved.workspace, moved.store) == ("elsewhere", "given", given_settings.store)
    assert chosen(file).workspace == "from-the-environment"
    assert chosen(file).limits.cores == 2
    assert chosen(None, data_dir="there").data_dir == "there"
    assert chosen().workspace == "from-the-environment"
    assert load(file).workspace == "team"
