"""Nothing connects to where it may not: not by a trick, not by a name that means something else the second time."""

import asyncio
import os
import socket
import threading

import aiohttp
import pytest

from kyanite.config import DeliverySettings
from kyanite.errors import Undelivered
from kyanite.outlets.webhooks import connecting
from kyanite.outlets.webhooks.connecting import HOST, Refused, connector
from kyanite.outlets.webhooks.sender import Sender
from tests.outlets.webhooks import tricks
from tests.outlets.webhooks.places import OK, listening, naming, own_addresses, saying

HERE = ["127.0.0.1"]
PUBLIC = "8.8.8.8"


def open_to(place, *allow):
    return DeliverySettings(plain_http=True, ports=(80, 443, place.port), allow=allow)


async def troubles(sender, urls):
    """Which of these were taken, or answered."""
    taken = []
    for url in urls:
        try:
            taken.append((url, await sender.post(url, {}, b"{}")))
        except Undelivered as error:
            if error.status is not None:
                taken.append((url, error))
    return taken


async def test_no_trick_gets_through():
    hosts = tricks.hosts()
    assert len(hosts) >= 300
    lookup = naming(HERE)
    async with listening(saying(OK), hosts=own_addresses()) as place:
        urls = [f"http://{host}:{place.port}/" for host in hosts] + [f"http://{host}/" for host in hosts]
        urls += [f"http://8.8.8.8@{host}:{place.port}/" for host in hosts]
        urls += [url for url in tricks.URLS if "//8.8.8.8" not in url and "//[8.8.8.8" not in url]
        async with Sender(open_to(place), lookup=lookup) as sender:
            assert await troubles(sender, urls) == []
        assert place.connections == 0
        assert len(lookup.asked) > 100  # so many looked like names, and were found out by their addresses
        async with Sender(open_to(place, *own_addresses()), lookup=lookup) as sender:  # it would have answered
            assert (await sender.post(place.url(), {}, b"{}")).status == 200
        assert place.connections == 1


@pytest.fixture
def told(monkeypatch):
    """What sockets were told to connect to. Only loopback addresses are connected to: tests stay on this machine."""
    seen = []
    really = socket.socket.connect

    def connect(self, address):
        seen.append(address[0])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError
        really(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


async def test_a_name_may_have_no_inner_address(told):
    inner = [*tricks.INNER_4, *tricks.INNER_6, "fe80::1%1", "127.0.0.1%1", "nonsense", ""]
    answers = [
        found
        for address in inner
        for found in ([address], [address, PUBLIC], [PUBLIC, address], [PUBLIC] * 9 + [address])
    ]
    async with listening(saying(OK)) as place:
        async with Sender(open_to(place), lookup=naming(*answers)) as sender:
            urls = [place.url(host=f"n{number}.example") for number in range(len(answers))]
            assert await troubles(sender, urls) == []
        assert told == []
        assert place.connections == 0


async def test_a_name_that_means_something_else_the_second_time(told):
    lookup = naming([PUBLIC], HERE)
    async with listening(saying(OK)) as place, Sender(open_to(place), lookup=lookup) as sender:
        url = place.url(host="rebind.example")
        with pytest.raises(Undelivered, match="can not be reached"):
            await sender.post(url, {}, b"{}")
        assert told == [PUBLIC]
        sender._session.connector.clear_dns_cache()  # as after its time
        for _ in range(3):
            with pytest.raises(Undelivered, match="not name"):
                await sender.post(url, {}, b"{}")
        assert lookup.asked == ["rebind.example"] * 4
        assert told == [PUBLIC]
        assert place.connections == 0


async def test_a_resolver_that_lies_does_not_get_through(told):
    """Were the names' addresses not checked, or others put in their place: the socket looks for itself."""

    class Liar(aiohttp.abc.AbstractResolver):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

        async def close(self):
            pass

    async with listening(saying(OK)) as place, Sender(open_to(place), lookup=naming([PUBLIC])) as sender:
        sender._session.connector._resolver = Liar()
        with pytest.raises(Undelivered, match="not name"):
            await sender.post(place.url(host="liar.example"), {}, b"{}")
        assert told == []
        assert place.connections == 0


async def test_an_address_is_checked_though_it_is_not_resolved():
    async with listening(saying(OK)) as place:
        async with aiohttp.ClientSession(connector=connector(open_to(place))) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.post(place.url())
            assert isinstance(caught.value.os_error, Refused)
        assert place.connections == 0


async def test_what_is_allowed_for_one_host_is_not_for_another():
    async with (
        listening(saying(OK)) as place,
        Sender(open_to(place, "hooks.corp"), lookup=naming(HERE)) as sender,
    ):
        assert (await sender.post(place.url(host="hooks.corp"), {}, b"{}")).status == 200
        for other in ("other.corp", "hooks.corp.example", "127.0.0.1"):
            with pytest.raises(Undelivered, match="not name"):
                await sender.post(place.url(host=other), {}, b"{}")
        assert (await sender.post(place.url(host="hooks.corp"), {}, b"{}")).status == 200
        assert place.connections == 1
        assert HOST.get() is None


@pytest.mark.parametrize("allow", ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0"])
async def test_an_allowed_network_is_reached_by_address_and_by_name(allow):
    async with (
        listening(saying(OK)) as place,
        Sender(open_to(place, allow), lookup=naming(HERE)) as sender,
    ):
        for host in ("127.0.0.1", "hooks.example"):
            assert (await sender.post(place.url(host=host), {}, b"{}")).status == 200
        assert place.connections == 2


async def test_an_address_of_ipv6_is_reached_like_others():
    addresses = own_addresses()
    async with (
        listening(saying(OK), hosts=addresses) as place,
        Sender(open_to(place, *addresses), lookup=naming(addresses)) as sender,
    ):
        for host in ("hooks.example", *(f"[{address}]" if ":" in address else address for address in addresses)):
            assert (await sender.post(place.url(host=host), {}, b"{}")).status == 200
        assert place.connections == 1 + len(addresses)


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    async with listening(saying(OK)) as proxy, listening(saying(OK)) as place:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, proxy.url())
        async with Sender(open_to(place, "127.0.0.1")) as sender:
            assert (await sender.post(place.url(), {}, b"{}")).status == 200
        assert (proxy.connections, place.connections) == (0, 1)


async def test_the_system_is_asked_for_names():
    async with listening(saying(OK), hosts=own_addresses()) as place:
        async with Sender(open_to(place, "localhost")) as sender:
            assert (await sender.post(place.url(host="localhost"), {}, b"{}")).status == 200
        async with Sender(open_to(place)) as sender:
            with pytest.raises(Undelivered, match="does not resolve"):
                await sender.post(place.url(host="nobody.invalid"), {}, b"{}")
        assert place.connections == 1


@pytest.mark.parametrize("error", [OSError("no"), UnicodeError("no"), socket.gaierror(-2, "no")])
async def test_a_name_without_an_address_is_told(monkeypatch, error):
    def getaddrinfo(*asked, **how):
        raise error

    async with listening(saying(OK)) as place, Sender(open_to(place)) as sender:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with pytest.raises(Undelivered, match="does not resolve"):
            await sender.post(place.url(host="hooks.example"), {}, b"{}")
    async with Sender(open_to(place), lookup=naming([])) as sender:
        with pytest.raises(Undelivered, match="does not resolve"):
            await sender.post(place.url(host="hooks.example"), {}, b"{}")


async def test_a_silent_name_server_holds_nobody_up(monkeypatch):
    speak, threads = threading.Event(), []

    def getaddrinfo(*asked, **how):
        threads.append(threading.current_thread())
        speak.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 80))]

    delivery = DeliverySettings(plain_http=True, timeout_s=0.1)
    monkeypatch.setattr(connecting.socket, "getaddrinfo", getaddrinfo)
    try:
        async with Sender(delivery) as sender:
            for _ in range(3):
                with pytest.raises(Undelivered, match=r"within 0\.1 s"):
                    await sender.post("http://silent.example/", {}, b"{}")
        assert len(threads) == 1  # they wait for one answer
        assert threads[0].daemon
        assert not speak.is_set()
    finally:
        speak.set()
    await asyncio.get_running_loop().run_in_executor(None, threads[0].join, 10)
    assert not threads[0].is_alive()


async def test_silent_name_servers_take_so_many_threads_and_no_more(monkeypatch):
    speak, threads = threading.Event(), []

    def getaddrinfo(*asked, **how):
        threads.append(threading.current_thread())
        speak.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(connecting.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(connecting, "_lookups", threading.BoundedSemaphore(3))
    try:
        async with Sender(DeliverySettings(plain_http=True, timeout_s=0.2)) as sender:
            for number in range(3):
                with pytest.raises(Undelivered, match="did not answer within"):
                    await sender.post(f"http://silent-{number}.example/", {}, b"{}")
            with pytest.raises(Undelivered, match="does not resolve"):
                await sender.post("http://one-more.example/", {}, b"{}")
            assert len(threads) == 3
            speak.set()
            for thread in threads:
                await asyncio.get_running_loop().run_in_executor(None, thread.join, 10)
            with pytest.raises(Undelivered, match="address of this machine"):  # there is room again
                await sender.post("http://one-more.example/", {}, b"{}")
    finally:
        speak.set()
    assert len(threads) == 4


async def test_where_there_is_no_thread_to_be_had_a_lookup_fails_and_the_next_need_not(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    def getaddrinfo(*asked, **how):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(connecting.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(connecting, "_lookups", threading.BoundedSemaphore(1))
    async with Sender(DeliverySettings(plain_http=True)) as sender:
        with monkeypatch.context() as patch:
            patch.setattr(connecting.threading.Thread, "start", start)
            with pytest.raises(Undelivered, match="does not resolve"):
                await sender.post("http://hooks.example/", {}, b"{}")
        with pytest.raises(Undelivered, match="address of this machine"):
            await sender.post("http://hooks.example/", {}, b"{}")
