"""Whom a client trusts, and which sockets it opens."""

import socket
import ssl

import pytest
from aiohttp import web

from kyanite.client.session import _socket, trusting
from kyanite.errors import ConfigError, Unreachable
from kyanite.http import tls
from tests.client.fake import connection, json


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A certificate for this machine, and who vouches for it."""
    pytest.importorskip("cryptography")
    return tls.development(tmp_path_factory.mktemp("tls"))


async def test_who_is_not_vouched_for_is_not_asked(made):
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(made.certificate)
    app = web.Application()
    app.router.add_get("/v1", json({}))
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served)
        await site.start()
        address = f"https://127.0.0.1:{runner.addresses[0][1]}"
        async with connection(address) as opened:
            with pytest.raises(Unreachable, match="not who it says"):
                await opened.ask("GET", "/v1")
        async with connection(address, authority=made.authority) as opened:
            assert (await opened.ask("GET", "/v1")).status == 200
    finally:
        await runner.cleanup()


def test_a_file_of_authorities_has_to_be_one(tmp_path):
    (tmp_path / "none").write_text("nothing")
    for name in ("none", "missing"):
        with pytest.raises(ConfigError, match=name):
            trusting(tmp_path / name)


def test_a_machine_that_is_gone_is_noticed():
    with _socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
