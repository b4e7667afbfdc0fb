"""The door of a daemon: who finds it, what it opens, and what is left of it."""

import stat

import aiohttp
import pytest

from kyanite.config import TlsSettings
from kyanite.http import door, tls
from kyanite.http.daemon import serving
from kyanite.http.door import Door, door_in, kept
from kyanite.http.keys import Keys
from kyanite.logs import without_secrets
from kyanite.stores.lock import read_owner
from tests.http.places import WORKSPACE, settings

ADDRESS = "http://127.0.0.1:1"


async def status(address, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{address}{WORKSPACE}/jobs", headers=headers) as answer,
    ):
        return answer.status


async def test_it_opens_a_daemon_that_asks_for_keys_as_long_as_it_runs(tmp_path):
    Keys(tmp_path).create("other")
    async with serving(settings(tmp_path, keys_required=True)) as running:
        owner = read_owner(tmp_path / "jobs.sqlite.lock")
        found = door_in(tmp_path, owner.endpoint)
        assert found.address == running.address
        assert len(bytes.fromhex(found.key)) == 32
        assert await status(running.address, found.key) == 200
        for wrong in ("any", found.key[:-1], found.key.upper() + "0", "\xfc"):
            assert await status(running.address, wrong) == 401
        text = (tmp_path / door.FILE).read_text()
        assert stat.S_IMODE((tmp_path / door.FILE).stat().st_mode) == 0o600
        assert found.key in text
        assert found.key not in without_secrets(text) + repr(found)
    assert not (tmp_path / door.FILE).exists()


async def test_each_daemon_has_another_key(tmp_path):
    found = []
    for _ in range(2):
        async with serving(settings(tmp_path, keys_required=True)) as running:
            found.append(door_in(tmp_path, running.address).key)
            assert await status(running.address, found[0]) == (200 if len(found) == 1 else 401)
    assert found[0] != found[1]


async def test_it_names_the_certificate_to_trust(tmp_path):
    pytest.importorskip("cryptography")
    made = tls.development(tmp_path / "made")
    own = settings(tmp_path / "own", listen="localhost:0", tls=TlsSettings(certificate=str(made.certificate)))
    async with serving(own) as running:
        assert door_in(tmp_path / "own", running.address).authority == str(made.certificate)
    async with serving(settings(tmp_path / "dev"), dev_tls=True) as running:
        assert door_in(tmp_path / "dev", running.address).authority == str(tmp_path / "dev" / "tls" / "ca.pem")


def test_one_that_leads_elsewhere_is_none(tmp_path):
    with kept(tmp_path, Door(ADDRESS, "secret")):
        assert door_in(tmp_path, ADDRESS) == Door(ADDRESS, "secret")
        assert door_in(tmp_path, ADDRESS + "0") is None
        assert door_in(tmp_path, None) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"address": "http://127.0.0.1:1"}', b"\xff\x00", b'{"key": 1}']
)
def test_one_that_can_not_be_read_is_none(tmp_path, content):
    assert door_in(tmp_path, ADDRESS) is None
    (tmp_path / door.FILE).write_bytes(content)
    assert door_in(tmp_path, ADDRESS) is None


def test_the_door_of_another_daemon_stays(tmp_path):
    with kept(tmp_path, Door(ADDRESS, "one")), kept(tmp_path, Door(ADDRESS, "two")):
        (tmp_path / door.FILE).write_bytes(b'{"address": "http://127.0.0.1:1", "key": "three"}')
    assert door_in(tmp_path, ADDRESS).key == "three"


def test_where_it_can_not_be_written_the_daemon_goes_on(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level("WARNING", "kyanite"), kept(tmp_path / "file", Door(ADDRESS, "secret")):
        assert "will not find this daemon" in caplog.text
    assert "secret" not in caplog.text
