"""URLs that try to lead a webhook to this machine or its neighbours: families of spellings, and a list by hand."""

from ipaddress import IPv4Address, IPv6Address

# One or more of each network that nobody outside can reach, or nobody shall.
INNER_4 = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254"),
    *("169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.1", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
)
INNER_6 = (
    *("::", "::1", "::2", "100::1", "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:2::1", "2001:10::1"),
    *("2001:20::1", "2001:db8::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd12:3456::1"),
    *("fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "ffff::1", "1fff::1", "::ffff:8.8.8.8"),
    *("::8.8.8.8", "::ffff:0:8.8.8.8", "fd00:ec2::254"),
)


def of_ipv4(text):
    """Every way that somebody may write this address, and what IPv6 can hide it in."""
    number, octets = int(IPv4Address(text)), text.split(".")
    a, b, c, d = map(int, octets)
    high, low = number >> 16, number & 0xFFFF
    yield from (text, f"{text}.", f"{text}..", f".{text}", text.replace(".", "..", 1))
    yield from (str(number), hex(number), hex(number).upper(), f"0{number:o}", f"0o{number:o}", str(number + 2**32))
    yield from (f"0x{number:08x}.", f"0x0{number:x}", f"{number}.")
    yield from (".".join(f"0x{part:x}" for part in (a, b, c, d)), ".".join(f"0{part:o}" for part in (a, b, c, d)))
    yield from (".".join(f"{part:03d}" for part in (a, b, c, d)), f"0x{a:x}.0{b:o}.{c}.{d}", f"{a}.{b}.{c}.0x{d:x}")
    yield from (f"{a}.{b}.{low}", f"{a}.{number & 0xFFFFFF}", f"0{a:o}.0x{number & 0xFFFFFF:x}")
    yield from (f"{a + 256}.{b}.{c}.{d}", f"{text}.0", f"0.{text}", f"{a}.{b}.{c}", f"-{text}", f"+{text}")
    yield from ("".join(f"%{ord(sign):02x}" for sign in text), text.replace(".", "%2e"), text.replace(".", "%252e"))
    yield from (text.replace(".", "\N{IDEOGRAPHIC FULL STOP}"), text.replace(".", "\N{FULLWIDTH FULL STOP}"))
    yield from (text.replace(".", "\N{HALFWIDTH IDEOGRAPHIC FULL STOP}"), text.replace(".", "\N{ONE DOT LEADER}"))
    yield "".join(chr(0xFEE0 + ord(sign)) if sign.isdigit() else sign for sign in text)
    yield "".join(chr(0x1D7CE + int(sign)) if sign.isdigit() else sign for sign in text)
    yield "".join(chr(0x660 + int(sign)) if sign.isdigit() else sign for sign in text)
    yield f"{text}\N{ZERO WIDTH SPACE}"
    yield from (f"[{text}]", f"[::ffff:{text}]", f"[::{text}]", f"[::ffff:0:{text}]", f"[0:0:0:0:0:FFFF:{text}]")
    yield from (f"[::ffff:{high:x}:{low:x}]", f"[::{high:x}:{low:x}]", f"[64:ff9b::{text}]", f"[64:ff9b:1::{text}]")
    yield from (f"[2002:{high:x}:{low:x}::1]", f"[2001:0:0:1::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}]")
    yield from (f"user@{text}", f"user:word@{text}", f"8.8.8.8@{text}", f"{text}@{text}", f"8.8.8.8%40{text}")
    yield from (
        f"{text}%00.example.com",
        f"{text}%09",
        f"{text}\\.example.com",
        f"8.8.8.8\\@{text}",
        f"{text}#@8.8.8.8",
    )
    yield from (f"{text} ", f" {text}", f"{text}\t", f"\n{text}", f"{text}\r\nHost: 8.8.8.8", f"{text}\x00")
    yield from (f"{text}.nip.io", f"www.{text}.sslip.io", f"{'-'.join(octets)}.example.com")


def of_ipv6(text):
    """Ways to write this address."""
    exploded = IPv6Address(text).exploded
    yield from (
        f"[{text}]",
        f"[{exploded}]",
        f"[{exploded.upper()}]",
        f"[{text}%251]",
        f"[{text}%1]",
        f"[{text}%25eth0]",
    )
    yield from (text, f"[{text}].", f"[[{text}]]", f"[{text}", f"{text}]", f"[{text}]x", f"[{text}/128]", f"[ {text}]")
    yield from (f"[v1.{text}]", f"user@[{text}]", f"%5B{text}%5D", f"{text.replace(':', '-')}.ipv6-literal.net")


NAMES = (
    *("localhost", "LOCALHOST", "LocalHost", "localhost.", "localhost..", "a.localhost", "localhost.localdomain"),
    *("ip6-localhost", "ip6-loopback", "loopback", "broadcasthost", "host.docker.internal", "kubernetes.default.svc"),
    *("metadata.google.internal", "metadata", "instance-data", "router.local", "intranet", "redis", "rebind.example"),
    *(
        "spoofed.example.com",
        "xn--lcalhost-54a",
        "l\N{CYRILLIC SMALL LETTER O}calhost",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "\N{SCRIPT SMALL L}ocalhost",
        "local\N{SOFT HYPHEN}host",
    ),
    *("local%68ost", "%6c%6f%63%61%6c%68%6f%73%74", "localhost%00", "localhost%2f", "localhost%23", "localhost\\"),
    *("-localhost", "localhost-", "local host", "local\thost", "local\nhost", "localhost\x7f", "localhost,8.8.8.8"),
    *("localhost;8.8.8.8", "localhost|8.8.8.8", "localhost&8.8.8.8", "(localhost)", "'localhost'", '"localhost"'),
    *("<localhost>", "localhost$", "*", "*.localhost", "{localhost}", "localhost^", "`localhost`", "~localhost"),
    *(
        "",
        ".",
        "..",
        "...",
        "[]",
        "[",
        "]",
        "[:]",
        "[::",
        "::]",
        "@",
        ":",
        ":@",
        "a@",
        "@a",
        "%",
        "%%",
        "0",
        "00",
        "0x",
    ),
    *("0x0", "1", "127", "127.1", "127.0.1", "0x7f.1", "017700000001", "2130706433", "0x7f000001", "4294967295", "0.0"),
    *("127.0.0.1:80:80", "127.0.0.1.:80", "a" * 64, "a." * 130, "8.8.8.8:99999x", "①②⑦.⓪.⓪.①", "127。0。0。1", "1e3.0"),
)

URLS = (
    *("", " ", "https", "https:", "https:/", "https://", "https:///", "https:////localhost/", "//localhost/", "/path"),
    *(
        "localhost",
        "localhost:80",
        "127.0.0.1",
        "https:localhost",
        "https:/localhost/",
        "https:\\\\localhost\\",
        "\\\\x",
    ),
    *(
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "ftp://localhost/",
        "gopher://localhost:70/_x",
        "ws://localhost",
    ),
    *("wss://localhost/", "unix:///run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/", "dict://localhost:11211/"),
    *(
        "data:text/plain,x",
        "javascript:alert(1)",
        "blob:https://localhost/",
        "jar:http://localhost!/",
        "ldap://localhost/",
    ),
    *("tcp://localhost/", "httpss://localhost/", "h\tttp://localhost/", "ht\ntp://localhost/", "\x00http://localhost/"),
    *(
        " https://localhost/",
        "https://localhost/ ",
        "https://localhost/\n",
        "https://localhost/a b",
        "https://localhost/é",
    ),
    *("https://8.8.8.8/#@localhost/", "https://8.8.8.8#localhost", "https://8.8.8.8\\@localhost/", "https://x\\y/"),
    *(
        "https://u:p@8.8.8.8/",
        "https://u@8.8.8.8/",
        "https://@8.8.8.8/",
        "https://8.8.8.8:0/",
        "https://8.8.8.8:65536/",
    ),
    *(
        "https://8.8.8.8:22/",
        "https://8.8.8.8:6379/",
        "https://8.8.8.8:-1/",
        "https://8.8.8.8:/",
        "https://8.8.8.8:4 43/",
    ),
    *("https://8.8.8.8:443:443/", "https://8.8.8.8:0443x/", "https://8.8.8.8:٤٤٣/", "https://8.8.8.8:000443/"),
    *("http://8.8.8.8/\r\nX: y", "https://" + "a" * 3_000, "https://8.8.8.8/" + "a" * 3_000, "https://[8.8.8.8]/"),
    *(
        "\N{FULLWIDTH LATIN SMALL LETTER H}ttps://localhost/",
        "https\N{FULLWIDTH COLON}//localhost/",
        "https:\N{FULLWIDTH SOLIDUS}\N{FULLWIDTH SOLIDUS}localhost/",
        "https://localhost\N{FULLWIDTH SOLIDUS}",
        "https://good.example\N{FULLWIDTH QUESTION MARK}.localhost",
    ),
)


def hosts():
    """All of them, each once."""
    found = [*NAMES]
    for text in INNER_4:
        found += of_ipv4(text)
    for text in INNER_6:
        found += of_ipv6(text)
    return list(dict.fromkeys(found))
