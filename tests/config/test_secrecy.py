"""Secrets are named, never written; read when they are needed, and shown to nobody."""

import logging

import pytest

from kyanite.config import load, resolve
from kyanite.config.schema import leaves
from kyanite.config.secrecy import (
    FILE_BYTES_MAX,
    is_secret,
    masked,
    names_secret,
    revealed,
    secret_texts,
    variables,
    without_path,
)
from kyanite.errors import ConfigError


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "apiKey", "API_KEY", "apikey", "api-key", "x_api_keys", "password", "db_password", "passwords"),
        *("client_secret", "secret_key", "aws_secret_access_key", "token", "access_token", "sas", "sas_token"),
        *("credential", "credentials", "authorization", "webhook_signature", "token2"),
    ],
)
def test_a_name_that_says_so_is_a_secret(name):
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("tokens_max", "token_url", "token_ttl_s", "max_tokens_count", "api_key_header", "password_file"),
        *("disaster", "sasquatch", "tokenizer", "keyboard", "key", "workers_max", "url", "", "_", "tokenise"),
    ],
)
def test_a_harmless_name_is_none(name):
    assert not names_secret(name)


def test_no_setting_of_ours_is_a_secret():
    assert [parts for parts in leaves() if is_secret(parts)] == []


def test_the_name_of_a_provider_says_nothing():
    settings = resolve(environ={"KYANITE_PROVIDERS__TOKEN__URL": "https://host"}).settings
    assert settings.providers == {"token": {"url": "https://host"}}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("api_key = 'hunter2'", "api_key"),
        ("api_key = 1234", "api_key"),
        ("api_key = ''", "api_key"),
        ("api_keys = [{ env = 'A' }, 'hunter2']", "api_keys.1"),
        ("auth = { user = 'me', password = 'hunter2' }", "auth.password"),
        ("accounts = [{ password = 'hunter2' }]", "accounts.0.password"),
        ("credentials = { user = 'hunter2' }", "credentials.user"),
        ("password = { environment = 'hunter2' }", "password.environment"),
        ("password = { env = 'A', file = 'hunter2' }", "password.env"),
    ],
)
def test_a_secret_in_a_file_is_refused(tmp_path, line, path):
    file = tmp_path / "kyanite.toml"
    file.write_text(f"[providers.acme]\n{line}\n")
    with pytest.raises(ConfigError) as error:
        load(file)
    assert f"{file}: providers.acme.{path} is a secret and is not written out" in str(error.value)
    name = path.rpartition(".")[2]
    assign = "" if name.isdigit() else f"{name} = "  # an item of a list has no name
    assert str(error.value).endswith(f'write {assign}{{ env = "NAME" }} or {assign}{{ file = "/path" }}')
    assert "hunter2" not in str(error.value)


def test_a_secret_in_an_argument_is_refused():
    with pytest.raises(ConfigError, match=r"argument: providers\.acme\.token is a secret"):
        resolve(environ={}, flags={"providers.acme.token": "hunter2"})


def test_a_secret_in_the_environment_stays_there(monkeypatch):
    monkeypatch.setenv("KYANITE_PROVIDERS__ACME__API_KEY", "12345")
    resolved = resolve()
    assert resolved.settings.providers == {"acme": {"api_key": {"env": "KYANITE_PROVIDERS__ACME__API_KEY"}}}
    assert revealed("acme", resolved.settings.providers["acme"]) == ({"api_key": "12345"}, ["12345"])
    monkeypatch.setenv("KYANITE_PROVIDERS__ACME__API_KEY", "{ env = 'OTHER' }")
    monkeypatch.setenv("OTHER", "hunter2")
    assert revealed("acme", resolve().settings.providers["acme"])[0] == {"api_key": "hunter2"}


def test_a_wrong_value_that_holds_a_secret_is_not_shown():
    with pytest.raises(ConfigError) as error:
        resolve(environ={"KYANITE_LIMITS__CORES": "https://me:hunter2@host"})
    assert str(error.value).endswith("not <hidden>")


def test_references_are_read_wherever_they_stand(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRST", "one")
    file = tmp_path / "second"
    file.write_bytes("zwö\r\n".encode())
    file.chmod(0o600)
    options = {
        "api_keys": [{"env": "FIRST"}, {"file": str(file)}],
        "auth": {"password": {"env": "FIRST"}, "user": "me"},
        "output": {"file": "kept.txt"},
        "sas": False,
    }
    assert revealed("acme", options) == (
        {
            "api_keys": ["one", "zwö"],
            "auth": {"password": "one", "user": "me"},
            "output": {"file": "kept.txt"},
            "sas": False,
        },
        ["one", "zwö", "one"],
    )
    assert options["auth"]["password"] == {"env": "FIRST"}


def test_only_one_line_end_is_taken_off(tmp_path):
    file = tmp_path / "secret"
    for content, text in [("a", "a"), ("a\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")]:
        file.write_text(content)
        file.chmod(0o600)
        assert revealed("acme", {"token": {"file": str(file)}})[0] == {"token": text}


def test_a_secret_that_is_not_there_is_named(monkeypatch, tmp_path):
    def problem(reference):
        with pytest.raises(ConfigError) as error:
            revealed("acme", {"auth": {"token": reference}})
        return str(error.value).partition("providers.acme.auth.token: ")[2]

    monkeypatch.delenv("NOWHERE", raising=False)
    assert problem({"env": "NOWHERE"}) == "the environment has no NOWHERE, or it is empty"
    file = tmp_path / "secret"
    assert problem({"file": str(file)}) == f"{file}: No such file or directory"
    file.write_bytes(b"\n")
    assert problem({"file": str(file)}) == f"{file} is empty"
    file.write_bytes(b"\xff")
    assert problem({"file": str(file)}) == f"{file} is not text"
    file.write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    assert problem({"file": str(file)}) == f"{file} is too long for a secret"
    assert problem({"file": str(tmp_path)}).endswith("Is a directory")


def test_a_file_that_others_can_read_is_told_of(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "secret"
    file.write_text("hunter2")
    with caplog.at_level(logging.WARNING, logger="kyanite"):
        file.chmod(0o640)
        revealed("acme", {"token": {"file": "~/secret"}})
        assert caplog.records == []
        file.chmod(0o644)
        assert revealed("acme", {"token": {"file": "~/secret"}})[1] == ["hunter2"]
    assert "readable by others" in caplog.text
    assert str(file) in caplog.text
    assert "hunter2" not in caplog.text


def test_secrets_of_a_list_are_read_in_order(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRST", "one")
    monkeypatch.delenv("NOWHERE", raising=False)
    file = tmp_path / "second"
    file.write_text("two\n")
    file.chmod(0o600)
    references = ({"env": "FIRST"}, {"file": str(file)})
    assert secret_texts("webhooks.0.secrets", references) == ["one", "two"]
    with pytest.raises(ConfigError, match=r": webhooks\.0\.secrets\.1: the environment has no NOWHERE"):
        secret_texts("webhooks.0.secrets", ({"env": "FIRST"}, {"env": "NOWHERE"}))


def test_variables_with_secrets_are_known():
    providers = {"acme": {"api_key": {"env": "A"}, "auth": [{"token": {"env": "B"}}], "output": {"env": "C"}}}
    assert variables(("providers",), providers) == {"A", "B"}
    assert variables(("webhooks", "0", "secrets"), ({"env": "D"}, {"file": "E"})) == {"D"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/", "https://host/"),
        ("https://host", "https://host"),
        ("https://host:8443/hunter2", "https://host:8443/..."),
        ("https://host?hunter2", "https://host/..."),
        ("https://host#hunter2", "https://host/..."),
        ("https://host//hunter2\n/", "https://host/..."),
        ("HTTPS://[::1]:443/hunter2", "HTTPS://[::1]:443/..."),
        ("https:///hunter2", "https:///..."),
        ("https://hunter2@host/", "<hidden>"),
        ("https://ho\\hunter2/", "<hidden>"),
        ("host/hunter2", "<hidden>"),
    ],
)
def test_the_path_of_a_webhook_is_not_shown(url, shown):
    assert without_path(url) == shown


def test_a_masked_list_is_of_its_own_kind():
    assert masked(("api_keys",), ("hunter2", {"env": "A"})) == ("<hidden>", {"env": "A"})
    assert masked(("names",), ["a"]) == ["a"]
