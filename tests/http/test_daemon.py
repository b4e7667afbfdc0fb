"""The daemon's life in this process: where it listens, who may reach it, and how it stops."""

import os
import socket
import ssl
from pathlib import Path

import aiohttp
import anyio
import pytest
from yarl import URL

from kyanite import Status, Workspace
from kyanite.config import TlsSettings
from kyanite.errors import ConfigError, StoreOwned, StoreUnavailable
from kyanite.http.daemon import bound, serving
from kyanite.http.keys import Keys
from kyanite.stores.lock import read_owner
from tests.http.places import WORKSPACE, settings


async def asked(address, path="/readyz", **options):
    async with aiohttp.ClientSession() as client, client.get(address + path, **options) as answer:
        return answer.status, await answer.text()


async def test_it_answers_where_it_says(tmp_path):
    async with serving(settings(tmp_path)) as running:
        assert running.address.startswith("http://127.0.0.1:")
        assert await asked(running.address) == (200, '{"status": "ready"}')
        assert (await asked(running.address, f"{WORKSPACE}/jobs"))[0] == 200
        owner = read_owner(tmp_path / "jobs.sqlite.lock")
        assert (owner.pid, owner.endpoint) == (os.getpid(), running.address)
        with pytest.raises(StoreOwned, match=running.address):
            async with Workspace.open(data_dir=tmp_path):
                pytest.fail("two own one store")
    with pytest.raises(aiohttp.ClientConnectionError):
        await asked(running.address)


async def test_an_address_in_use_is_named_before_the_store_is_opened(tmp_path):
    with bound("127.0.0.1:0") as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(OSError, match="Address already in use") as caught:
            async with serving(settings(tmp_path / "data", listen=address)):
                pytest.fail("two listen at one address")
    assert caught.value.filename == address
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("address", ["no-such-name.invalid:80", "192.0.2.1:0", "[::7]:0"])
def test_an_address_that_is_not_here_is_named(address):
    with pytest.raises(OSError) as caught:
        bound(address)
    assert caught.value.filename == address
    assert caught.value.strerror


@pytest.mark.parametrize(("listen", "begins"), [("localhost:0", "http://localhost:"), ("[::1]:0", "http://[::1]:")])
async def test_names_and_ipv6(tmp_path, listen, begins):
    try:
        bound(listen).close()
    except OSError:
        pytest.skip(f"this machine has no {listen}")
    async with serving(settings(tmp_path, listen=listen)) as running:
        assert running.address.startswith(begins)
        assert not running.service.state.keys_required
        assert (await asked(running.address))[0] == 200


async def test_it_listens_elsewhere_only_with_a_key(tmp_path):
    chosen = settings(tmp_path, listen="0.0.0.0:0")
    with pytest.raises(ConfigError, match=r"others can reach 0\.0\.0\.0:0.*`kyanite key create --data-dir"):
        async with serving(chosen):
            pytest.fail("it listens")
    assert list(tmp_path.iterdir()) == []
    made, text = Keys(tmp_path).create()
    async with serving(chosen) as running:
        assert running.address.startswith("http://127.0.0.1:")
        assert running.reach().everywhere
        assert (await asked(running.address, f"{WORKSPACE}/jobs"))[0] == 401
        with_key = {"headers": {"Authorization": f"Bearer {text}"}}
        assert (await asked(running.address, f"{WORKSPACE}/jobs", **with_key))[0] == 200
        Keys(tmp_path).revoke(made.id)
        assert (await asked(running.address, f"{WORKSPACE}/jobs", **with_key))[0] == 401
    with pytest.raises(ConfigError, match="there is none"):
        async with serving(chosen):
            pytest.fail("it listens")


async def test_here_it_starts_without_one_even_if_they_are_required(tmp_path):
    async with serving(settings(tmp_path, keys_required=True)) as running:
        assert (await asked(running.address, f"{WORKSPACE}/jobs"))[0] == 401
        _, text = Keys(tmp_path).create()
        with_key = {"headers": {"x-ms-quantum-api-key": text}}
        assert (await asked(running.address, f"{WORKSPACE}/jobs", **with_key))[0] == 200


async def test_tls_for_this_machine(tmp_path):
    pytest.importorskip("cryptography")
    async with serving(settings(tmp_path), dev_tls=True) as running:
        assert running.address.startswith("https://127.0.0.1:")
        assert running.authority == tmp_path / "tls" / "ca.pem"
        trusting = ssl.create_default_context(cafile=running.authority)
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT
        status, text = await asked(running.address, f"{WORKSPACE}/jobs", ssl=trusting)
        assert (status, text) == (200, '{"value":[],"nextLink":null}')
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await asked(running.address)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asked(running.address.replace("https", "http"))
    own = TlsSettings(certificate=str(tmp_path / "tls" / "localhost.pem"))
    async with serving(settings(tmp_path, tls=own)) as running:
        assert running.address.startswith("https://127.0.0.1:")
        assert running.authority is None
        assert (await asked(running.address, ssl=trusting))[0] == 200


async def test_a_certificate_that_is_not_there_opens_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.pem"):
        async with serving(settings(tmp_path, tls=TlsSettings(certificate=str(tmp_path / "gone.pem")))):
            pytest.fail("it listens")
    assert list(tmp_path.iterdir()) == []


async def test_links_outlive_a_restart(tmp_path):
    async with serving(settings(tmp_path)) as running, aiohttp.ClientSession(running.address) as client:
        async with client.post(f"{WORKSPACE}/storage/sasUri", json={"containerName": "kept"}) as answer:
            link = URL((await answer.json())["sasUri"])
        listed = link.path_qs + "&restype=container&comp=list"
        async with client.get(URL(listed, encoded=True)) as answer:
            assert answer.status == 200
    async with serving(settings(tmp_path)) as running:
        status, _ = await asked(running.address, listed)
        assert status == 200
        assert (await asked(running.address, listed.replace("sig=", "sig=A")))[0] == 403


async def test_while_it_drains_it_answers_and_takes_nothing_new(tmp_path):
    began, go_on = anyio.Event(), anyio.Event()
    async with serving(settings(tmp_path)) as running:
        workspace = running.service.workspace

        @workspace.target("acme.slow")
        async def slow(task):
            began.set()
            await go_on.wait()
            return "done"

        job = await workspace.submit("acme.slow", b"")
        await began.wait()
        assert not await running.drain(0)
        assert (await asked(running.address))[0] == 503
        assert (await asked(running.address, "/healthz"))[0] == 200
        status, text = await asked(running.address, f"{WORKSPACE}/jobs/{job.id}")
        assert (status, '"Executing"' in text) == (200, True)
        async with aiohttp.ClientSession() as client:
            async with client.put(f"{running.address}{WORKSPACE}/jobs/new", json={}) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            async with client.put(f"{running.address}{WORKSPACE}/sessions/new", json={}) as answer:
                assert answer.status == 503
            go_on.set()
            assert await running.drain(20)
            assert (await job.refresh()).details.status is Status.SUCCEEDED


async def test_what_goes_wrong_inside_the_block_closes_everything(tmp_path):
    with pytest.raises(ZeroDivisionError):
        async with serving(settings(tmp_path)) as running:
            raise ZeroDivisionError
    with bound(running.address.removeprefix("http://")) as again:
        assert isinstance(again, socket.socket)
    async with Workspace.open(data_dir=tmp_path):
        assert read_owner(Path(tmp_path) / "jobs.sqlite.lock").endpoint is None


async def test_a_store_that_is_lost_ends_the_daemon_with_that_error(tmp_path):
    async def lose():
        raise StoreUnavailable("the disk is gone")

    with pytest.raises(StoreUnavailable, match="the disk is gone"):
        async with serving(settings(tmp_path)) as running:
            assert (await asked(running.address))[0] == 200
            running.service.workspace.host.engine._driving.start_soon(lose)
            await anyio.sleep_forever()
    with pytest.raises(aiohttp.ClientConnectionError):
        await asked(running.address)


async def test_a_port_that_is_free_again_can_be_taken_at_once(tmp_path):
    async with serving(settings(tmp_path)) as running:
        address = running.address
        assert (await asked(address))[0] == 200
    async with serving(settings(tmp_path, listen=address.removeprefix("http://"))) as running:
        assert running.address == address
        assert (await asked(address))[0] == 200
