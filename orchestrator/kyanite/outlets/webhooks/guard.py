"""Which addresses webhooks may have: what their URLs look like, and where these may lead.

Whoever may add a webhook chooses what this machine connects to. So a URL is read here by rules so narrow that nothing
else can read it differently, and an address is refused unless everybody can reach it or `delivery.allow` names it.
Sources: IANA's registries of special-purpose addresses of IPv4 and IPv6 (RFC 6890), and of the address space of IPv6,
of which 2000::/3 is given to hosts (RFC 4291, section 2.4).
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

from yarl import URL

from kyanite.config import DeliverySettings
from kyanite.errors import ConfigError, InvalidRequest

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2_048
HOST_LENGTH_MAX = 253
PORTS = {"https": 443, "http": 80}
ELSEWHERE = "leads to an address of this machine or of a private network, which delivery.allow does not name"

_REFUSED_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network, and 0.0.0.0
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared among customers of a carrier
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local; clouds serve metadata at 169.254.169.254
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
"""Outside lie, among others, loopback, IPv4-mapped and -compatible addresses, NAT64, unique local, link-local,
site-local and multicast ones."""
_REFUSED_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address is inside
            "3fff::/20",  # documentation
        ),
    )
)
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def checked_url(url: str, delivery: DeliverySettings) -> URL:
    """Return the URL of a webhook, its host in small letters and nothing else changed.

    Names are resolved only when a connection is made, and checked then. Raises `InvalidRequest`, which repeats nothing
    of the URL.
    """
    if len(url) > URL_LENGTH_MAX or not _PRINTABLE.fullmatch(url):
        raise _refused(f"must be 1 to {URL_LENGTH_MAX:,} printable ASCII characters other than space and backslash")
    parts = _PARTS.fullmatch(url)
    if parts is None or "#" in url:
        raise _refused("must look like https://host/path, without a fragment")
    scheme, authority, target = parts[1].lower(), parts[2], parts[3]
    if scheme != "https" and not (scheme == "http" and delivery.plain_http):
        raise _refused("must begin with https://")
    if "@" in authority:
        raise _refused("must not hold credentials")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise _refused("must name a host, and nothing else but a port, between // and the next /")
    host = _checked_host(found[1].lower(), delivery)
    port = _checked_port(int(found[2] or PORTS[scheme]), host, delivery)
    shown = f":{port}" if port != PORTS[scheme] else ""
    return URL(
        f"{scheme}://{_bracketed(host)}{shown}{target if target.startswith('/') else '/' + target}", encoded=True
    )


def is_allowed(address: Address, host: str | None, delivery: DeliverySettings) -> bool:
    """Return whether a webhook of this host may lead to this address: everybody can reach it, or one is allowed."""
    return is_public(address) or _is_named(host, address, delivery)


def is_public(address: Address) -> bool:
    """Return whether everybody can reach a host at this address, which holds no other address in it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    within = address.scope_id is None and address in _UNICAST_6
    return within and not any(address in network for network in _REFUSED_6)


def _refused(problem: str) -> InvalidRequest:
    return InvalidRequest("url", problem)


def _checked_host(host: str, delivery: DeliverySettings) -> str:
    """Return a host's name, or its address without brackets. Raises `InvalidRequest`."""
    address = _address(host)
    if address is not None:
        if not is_allowed(address, None, delivery):
            raise _refused(ELSEWHERE)
        return str(address)
    if len(host) > HOST_LENGTH_MAX or not _NAME.fullmatch(host):
        raise _refused("must name its host by letters, digits, '-' and '_', with single dots within")
    if f".{host}".endswith(".localhost") and not _is_named(host, None, delivery):
        raise _refused(ELSEWHERE)
    return host


def _address(host: str) -> Address | None:
    """Return the address that a host is written as, `None` for a name. Raises `InvalidRequest`.

    What ends in a number is an address to some readers, however it is written (WHATWG URL, "ends in a number checker"):
    only four decimal numbers are.
    """
    if not host.startswith("[") and not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return None
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        raise _refused("must write an address as four decimal numbers, or as IPv6 in brackets") from None


def _checked_port(port: int, host: str, delivery: DeliverySettings) -> int:
    if not 0 < port < 1 << 16:
        raise _refused("must have a port from 1 to 65535")
    if port not in delivery.ports and not _is_named(host, _address(_bracketed(host)), delivery):
        raise _refused(f"has the port {port}, which delivery.ports does not have")
    return port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_named(host: str | None, address: Address | None, delivery: DeliverySettings) -> bool:
    hosts, networks = _allowed(delivery.allow)
    if host is not None and host in hosts:
        return True
    return address is not None and any(address in network for network in networks)


@lru_cache(64)
def _allowed(allow: tuple[str, ...]) -> tuple[frozenset[str], tuple[Network, ...]]:
    """Return the hosts and the networks that are allowed; an address is a network of one."""
    hosts, networks = set(), []
    for entry in allow:
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            if not _NAME.fullmatch(entry.lower()) or _NUMBER.fullmatch(entry.lower().rpartition(".")[2]):
                raise ConfigError(f"delivery.allow: {entry!r} is no host, address or network") from None
            hosts.add(entry.lower())
    return frozenset(hosts), tuple(networks)
