"""Addresses of daemons."""

import pytest

from kyanite.client import endpoint_of
from kyanite.client.endpoint import key_of_environment
from kyanite.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://127.0.0.1:8473", "http://127.0.0.1:8473"),
        (" http://127.0.0.1:8473/ ", "http://127.0.0.1:8473"),
        ("https://[::1]:8473", "https://[::1]:8473"),
        ("https://jobs.example.org/kyanite/", "https://jobs.example.org/kyanite"),
    ],
)
def test_they_are_what_paths_are_put_behind(given, address):
    assert endpoint_of(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "",
        "127.0.0.1:8473",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "http://user:secret@host",
        "http://host?api_key=secret",
        "http://host#x",
    ],
)
def test_others_are_refused_and_no_secret_is_repeated(given):
    with pytest.raises(ConfigError) as refused:
        endpoint_of(given)
    assert "secret" not in str(refused.value)


def test_the_environment_has_the_last_word(monkeypatch):
    monkeypatch.delenv("KYANITE_ENDPOINT", raising=False)
    monkeypatch.delenv("KYANITE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="KYANITE_ENDPOINT"):
        endpoint_of()
    assert key_of_environment() is None
    monkeypatch.setenv("KYANITE_ENDPOINT", "http://127.0.0.1:1/")
    monkeypatch.setenv("KYANITE_API_KEY", "kya_1_2")
    assert endpoint_of() == "http://127.0.0.1:1"
    assert endpoint_of("http://127.0.0.1:2") == "http://127.0.0.1:2"
    assert key_of_environment() == "kya_1_2"
