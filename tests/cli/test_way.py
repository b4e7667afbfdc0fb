"""The way to a daemon: where it is found, and that its key stays unseen."""

import socket
import threading

import msgspec
import pytest

from kyanite.cli import way
from kyanite.cli.session import Session
from kyanite.cli.way import Way, into, knock, named
from kyanite.config import Settings
from kyanite.errors import Unreachable
from kyanite.http.door import FILE, Door
from kyanite.private_file import write_private

ADDRESS = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("KYANITE_ENDPOINT", "KYANITE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


def test_it_is_named_by_an_option_or_the_environment(monkeypatch):
    assert named(Session()) is None
    monkeypatch.setenv("KYANITE_ENDPOINT", "http://one:1/")
    monkeypatch.setenv("KYANITE_WORKSPACE", "team")
    assert named(Session()) == Way("http://one:1", workspace="team")
    assert named(Session(endpoint="http://two:2", workspace="a b")).address == "http://two:2"
    assert named(Session(endpoint="http://two:2", workspace="other")).workspace == "other"
    assert named(Session(data_dir="here")) is None


def test_a_key_is_not_shown():
    assert "secret" not in repr(Way(ADDRESS, "secret"))


def test_into_the_daemon_that_owns_the_folder(tmp_path, monkeypatch):
    settings = Settings(data_dir=str(tmp_path), workspace="team")
    write_private(tmp_path / FILE, msgspec.json.encode(Door(ADDRESS, "secret", "/ca.pem")))
    assert into(settings, ADDRESS) == Way(ADDRESS, "secret", "team", "/ca.pem")
    assert into(settings, None) is None
    monkeypatch.setattr(way, "STARTING_S", 0.0)
    assert into(settings, "http://127.0.0.1:2") is None


def test_a_daemon_that_is_about_to_answer_is_waited_for(tmp_path, monkeypatch):
    polled = threading.Event()
    monkeypatch.setattr(way, "sleep", lambda _: polled.set())
    monkeypatch.setattr(way, "STARTING_S", 30.0)

    def answer():
        assert polled.wait(10)
        write_private(tmp_path / FILE, msgspec.json.encode(Door(ADDRESS, "secret")))

    starting = threading.Thread(target=answer)
    starting.start()
    try:
        assert into(Settings(data_dir=str(tmp_path)), ADDRESS).api_key == "secret"
    finally:
        starting.join()


def test_knocking():
    for host, family in (("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)):
        with socket.create_server((host.strip("[]"), 0), family=family) as listener:
            address = f"http://{host}:{listener.getsockname()[1]}"
            knock(Way(address))
        with pytest.raises(Unreachable, match="Connection refused"):
            knock(Way(address))
    with pytest.raises(Unreachable, match=r"no-such-name\.invalid"):
        knock(Way("https://no-such-name.invalid"))
