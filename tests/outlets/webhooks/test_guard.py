"""URLs are read narrowly, and addresses are judged as the registries have them."""

import os
import random
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.config import DeliverySettings
from kyanite.errors import ConfigError, InvalidRequest
from kyanite.outlets.webhooks.guard import checked_url, is_allowed, is_public
from tests.outlets.webhooks import tricks

COUNT = int(os.environ.get("KYANITE_URLS", "4000"))
"""How many addresses are judged; 200,000 in the long form."""
CLOSED = DeliverySettings()
OPEN = DeliverySettings(plain_http=True)

# What is refused though `is_global` of some Python calls it global; each with its reason in guard.py.
BEYOND = [
    *map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4")),
    *map(IPv6Network, ("2001::/23", "2002::/16", "3fff::/20", "::/3", "4000::/2", "8000::/1")),
]


def refuses(url, delivery=CLOSED):
    try:
        checked_url(url, delivery)
    except InvalidRequest as error:
        return error.field == "url"
    return False


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("HTTPS://Example.COM/Hook?a=B", "https://example.com/Hook?a=B"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://8.8.8.8/%2Fa%41//../b?c=%2F&d=a@b:c", "https://8.8.8.8/%2Fa%41//../b?c=%2F&d=a@b:c"),
        ("https://[2606:4700:0:0:0:0:0:1111]/", "https://[2606:4700::1111]/"),
        ("https://xn--mnchen-3ya.example/", "https://xn--mnchen-3ya.example/"),
        ("https://a_b.example-1.com/", "https://a_b.example-1.com/"),
        ("https://1.example.com/", "https://1.example.com/"),
        ("https://0x7f.example/", "https://0x7f.example/"),
        ("https://example.com/x@localhost", "https://example.com/x@localhost"),
    ],
)
def test_what_is_in_order_is_read_as_it_is(url, read):
    assert str(checked_url(url, CLOSED)) == read
    assert checked_url(read, CLOSED) == checked_url(url, CLOSED)


@pytest.mark.parametrize("url", tricks.URLS)
def test_what_is_no_url_of_a_webhook_is_refused(url):
    assert refuses(url)
    assert refuses(url, OPEN)


def test_plain_http_is_for_who_wants_it():
    assert refuses("http://example.com/")
    assert str(checked_url("http://example.com/", OPEN)) == "http://example.com/"
    assert str(checked_url("http://example.com:443/", OPEN)) == "http://example.com:443/"


@pytest.mark.parametrize("address", [*tricks.INNER_4, *(f"[{text}]" for text in tricks.INNER_6)])
def test_an_inner_address_is_refused_until_it_is_allowed(address):
    url, bare = f"https://{address}/", address.strip("[]")
    assert refuses(url)
    assert not is_allowed(ip_address(bare), "example.com", CLOSED)
    for entry in (bare, str(ip_address(bare)), f"{bare}/{ip_address(bare).max_prefixlen - 2}"):
        assert not refuses(url, DeliverySettings(allow=(entry,)))
    assert refuses(url, DeliverySettings(allow=("localhost", "8.8.8.8", "2606:4700::/32")))


def test_odd_signs_in_a_host_are_refused_at_once():
    odd = [host for host in tricks.hosts() if not host.isascii() or set(host) & set("@%\\ \t\r\n\0")]
    assert len(odd) > 300
    assert [host for host in odd if not refuses(f"https://{host}/", OPEN)] == []


@pytest.mark.parametrize("text", tricks.INNER_4)
def test_numbers_are_an_address_or_nothing(text):
    number = int(IPv4Address(text))
    for host in (str(number), hex(number), f"0{number:o}", f"{text}.", f"0{text}", f"{text}.0", "1.2.3", "0x", "1.0x7"):
        assert refuses(f"https://{host}/", DeliverySettings(allow=("0.0.0.0/0", "::/0")))


def test_a_port_is_one_of_those_that_are_set():
    assert refuses("https://example.com:8080/")
    assert refuses("https://8.8.8.8:8080/")
    assert not refuses("https://example.com:8080/", DeliverySettings(ports=(8080,)))
    assert refuses("https://example.com/", DeliverySettings(ports=(8080,)))
    for allowed in ("example.com", "Example.Com"):
        assert not refuses("https://example.com:8080/", DeliverySettings(allow=(allowed,)))
        assert refuses("https://www.example.com:8080/", DeliverySettings(allow=(allowed,)))
    assert not refuses("https://8.8.8.8:22/", DeliverySettings(allow=("8.8.0.0/16",)))
    assert not refuses("https://[fd00::1]:22/", DeliverySettings(allow=("fd00::/8",)))
    assert refuses("https://[fd00::1]:0/", DeliverySettings(allow=("fd00::/8",)))


def test_a_host_that_is_allowed_may_lead_anywhere_and_no_other():
    allowing = DeliverySettings(allow=("hooks.corp",))
    inner = IPv4Address("10.1.2.3")
    assert is_allowed(inner, "hooks.corp", allowing)
    assert not is_allowed(inner, "other.corp", allowing)
    assert not is_allowed(inner, None, allowing)
    assert is_allowed(inner, "other.corp", DeliverySettings(allow=("10.0.0.0/8",)))
    assert not is_allowed(IPv6Address("::ffff:10.1.2.3"), "other.corp", DeliverySettings(allow=("10.0.0.0/8",)))
    assert refuses("https://localhost/", allowing)
    assert not refuses("https://localhost:9/", DeliverySettings(allow=("localhost",)))
    assert is_allowed(IPv4Address("8.8.8.8"), "anybody", CLOSED)
    assert not is_public(IPv6Address("2606:4700::1%1"))


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a/b", "a..b", "1.2.3", "1.2.3.4.5", "http://x", "a:b", "0x7f000001"])
def test_what_can_not_be_allowed_is_said(entry):
    with pytest.raises(ConfigError, match=r"delivery\.allow"):
        checked_url("https://localhost/", DeliverySettings(allow=(entry,)))


def test_nothing_of_the_url_is_repeated():
    for url in (
        "https://10.0.0.1/canary?canary=1",
        "https://canary@x/",
        "https://canary canary/",
        "canary",
        "x" * 9_999,
    ):
        with pytest.raises(InvalidRequest) as refused:
            checked_url(url, CLOSED)
        assert "canary" not in str(refused.value)


def drawn(rng):
    """An address anywhere, or next to where a network begins or ends."""
    near = rng.choice([*map(IPv4Address, tricks.INNER_4), *map(IPv6Address, tricks.INNER_6)])
    kind = rng.choice([IPv4Address, IPv6Address, type(near)])
    bits = kind(0).max_prefixlen
    if kind is not type(near) or rng.random() < 0.3:
        number = rng.getrandbits(bits)
        return kind(number if bits == 32 or rng.random() < 0.2 else number >> 3 | 1 << 125)
    length = rng.randrange(2, bits + 1)
    network = (IPv4Network if bits == 32 else IPv6Network)((int(near), length), strict=False)
    edge = int(rng.choice([network.network_address, network.broadcast_address]))
    return kind(min(max(edge + rng.randrange(-2, 3), 0), (1 << bits) - 1))


def reached(host):
    """What a socket connects to that is given this host, as the system reads it."""
    ((*_, address),) = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return ip_address(address[0])


@pytest.mark.timeout(600)  # the long form takes its time
def test_the_verdict_is_that_of_the_registries():
    rng = random.Random(8)
    verdicts = []
    for _ in range(COUNT):
        address = drawn(rng)
        text = str(address) if rng.random() < 0.7 else address.exploded
        if rng.random() < 0.3:
            text = text.upper()
        try:
            url = checked_url(f"https://{text if address.version == 4 else f'[{text}]'}/", CLOSED)
        except InvalidRequest:
            verdicts.append(False)
            assert not address.is_global or any(address in network for network in BEYOND), address
        else:
            verdicts.append(True)
            there = reached(url.raw_host)
            assert there == address
            assert there.is_global
            assert not any(there in network for network in BEYOND), address
        assert is_public(address) is verdicts[-1]
    assert 0.2 < sum(verdicts) / COUNT < 0.8  # both were put to the test


@given(
    st.text("htps:/@[]#?\\.%0x127f-_aé。 \t", max_size=40), st.sampled_from(["", "https://", "http://", "https://["])
)
def test_what_is_taken_has_one_reading(text, prefix):
    try:
        url = checked_url(prefix + text, OPEN)
    except InvalidRequest:
        return
    assert url.scheme in {"http", "https"}
    assert (url.user, url.password, url.raw_fragment) == (None, None, "")
    assert url.raw_host.isascii()
    assert url.raw_host in (prefix + text).lower() or ":" in url.raw_host
    assert url.raw_path.startswith("/")
    assert checked_url(str(url), OPEN) == url


@given(st.sampled_from(tricks.INNER_4), st.data())
def test_no_spelling_that_the_system_understands_gets_by(text, data):
    number = int(IPv4Address(text))
    widths = data.draw(st.sampled_from([(32,), (8, 24), (8, 8, 16), (8, 8, 8, 8)]))
    parts, left = [], 32
    for width in widths:
        left -= width
        part = number >> left & (1 << width) - 1
        parts.append(
            data.draw(st.sampled_from([str(part), f"0{part:o}", f"0x{part:x}", f"0X{part:04X}", f"00{part:o}"]))
        )
    host = ".".join(parts)
    assert reached(host) == IPv4Address(text)  # it would have got there
    assert refuses(f"https://{host}/")
