"""Requests as bytes, valid ones and what becomes of them when lines, frames and bytes are changed."""

from tests.fuzz.mutation import damaged
from tests.http.places import WORKSPACE

CANARY = "CaNaRyTokenOfAHeader7"
LONG = b"a" * 9_000

_LINES = (
    *(b"Content-Length: -1", b"Content-Length: 5, 6", b"Content-Length: 99999999999999999999", b"Content-Length: 0x5"),
    *(b"Content-Length: +5", b"Content-Length:", b"Content-Length: 1000000", b"Content-Length: 3"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: identity"),
    *(b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked"),
    *(b"Transfer-Encoding:\x0bchunked", b" folded: line", b"\tfolded", b"no colon", b": no name", b"a b: c"),
    *(b"x: \x00", b"x: \r y", b"x: \xff\xfe", b"\xff: x", b"x: " + LONG, LONG + b": x", b"Cookie: a=b; c=\x7f"),
    *(b"Host: a b", b"Host: [::1", b"Host: localhost:99999", b"Host: evil.example", b"Host:", b"Host: a@b:c@d"),
    *(
        b"Origin: http://evil.example",
        b"Origin: null",
        b"Expect: 100-continue",
        b"Expect: 200-ok",
        b"Connection: close",
    ),
    *(b"Connection: Upgrade\r\nUpgrade: websocket", b"Upgrade: h2c", b"Connection: keep-alive, Host, Content-Length"),
    *(b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Type: multipart/form-data; boundary=", b"Range: x"),
    *(b"Content-Type: application/x-www-form-urlencoded", b"Content-Type: application/json; charset=no-such"),
    *(
        b"Content-MD5: x",
        b"x-ms-range: bytes=9-1",
        b"If-Match: *",
        b"If-Modified-Since: 99999",
        b"x-ms-version: \xc3\xa9",
    ),
    *(b"x-ms-quantum-api-key: \xe9", b"Authorization: Bearer", b"Authorization: Basic Og==", b"Trailer: x"),
    b"\r\n".join(b"h%d: v" % number for number in range(200)),
)
_STARTS = (
    *(b"GET", b"", b"GET  / HTTP/1.1", b"GET / HTTP/9.9", b"GET / HTTP/1.1 x", b"G\x00T / HTTP/1.1", b"PRI * HTTP/2.0"),
    *(b"get /healthz HTTP/1.1", b"BREW /pot HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /healthz"),
    *(
        b"GET http://evil.example/healthz HTTP/1.1",
        b"GET //evil/healthz HTTP/1.1",
        b"GET /%zz HTTP/1.1",
        b"\x16\x03\x01",
    ),
    *(b"GET /\xff\xfe HTTP/1.1", b"GET /" + LONG + b" HTTP/1.1", b"GET http://[::1/ HTTP/1.1", b"GET /%00 HTTP/1.1"),
    *(b"GET /c/c/%2e%2e/%2e%2e/x HTTP/1.1", b"GET /c/c?" + b"&" * 5_000 + b" HTTP/1.1", b"GET ?x HTTP/1.1"),
    *(b"GET /healthz HTTP/1.0", b"HEAD /readyz HTTP/1.1", b"DELETE /healthz HTTP/1.1", b"TRACE / HTTP/1.1"),
)
_SIZES = (
    *(
        b"ffffffffffffffff",
        b"fffffffffffffffff",
        b"-1",
        b"0x5",
        b"5;ext=" + LONG,
        b"5 ",
        b"g",
        b"",
        b"00000005",
        b"5\n",
    ),
    *(b"5;a=b", b"7fffffff", b"+5", b"0"),
)


def samples(links):
    """Valid requests; `links` are path and query of a blob to be, of one that is there, and of their container."""
    fresh, there, container = (link.encode() for link in links)
    jobs = f"{WORKSPACE}/jobs".encode()
    job = b'{"id":"%s","target":"acme.echo","inputDataUri":"http://localhost/c/c/b"}'
    listed = b"<BlockList><Latest>MDAwMQ==</Latest></BlockList>"
    put = (b"x-ms-blob-type: BlockBlob",)
    return (
        request(b"GET", jobs + b"?top=2&filter=startswith(Name,%20'a')&orderby=Name%20asc"),
        request(b"PUT", jobs + b"/j-1", job % b"j-1", b"Content-Type: application/json"),
        request(b"PATCH", jobs + b"/j-1", b'{"name":"x","tags":["a"]}'),
        request(b"POST", f"{WORKSPACE}/storage/sasUri".encode(), b'{"containerName":"c"}'),
        request(b"PUT", f"{WORKSPACE}/sessions/s".encode(), b'{"target":"acme.echo"}'),
        request(b"PUT", fresh, b"content" * 9, *put),
        request(b"PUT", fresh, b"content" * 9, *put, b"x-ms-meta-a: b", b"Expect: 100-continue"),
        request(b"PUT", fresh, chunked(b"content", b"of", b"chunks"), *put, b"Transfer-Encoding: chunked"),
        request(b"PUT", jobs + b"/j-2", chunked(job % b"j-2"), b"Transfer-Encoding: chunked"),
        request(b"PUT", fresh + b"&comp=block&blockid=MDAwMQ==", b"a block"),
        request(b"PUT", fresh + b"&comp=blocklist", listed),
        request(b"GET", there, b"", b"Range: bytes=1-2", b'If-None-Match: "x"'),
        request(b"GET", container + b"&comp=list&restype=container&maxresults=3"),
        request(b"DELETE", jobs + b"/j-1"),
    )


def request(method, target, body=b"", *lines):
    """The bytes of a request, the length stated unless it is framed otherwise."""
    framed = () if b"Transfer-Encoding: chunked" in lines else (b"Content-Length: %d" % len(body),)
    token = f"Authorization: Bearer {CANARY}".encode()
    head = (b"%s %s HTTP/1.1" % (method, target), b"Host: localhost", token, *framed, *lines)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(*chunks):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def malformed(valid, random):
    """Bytes that are hardly a request any more, or several of them."""
    content = random.choice(valid)
    for _ in range(random.randint(1, 2)):
        content = random.choice(_WAYS)(content, valid, random)
    return content


def _line(content, valid, random):
    start, _, rest = content.partition(b"\r\n")
    return b"\r\n".join((start, random.choice(_LINES), rest))


def _start(content, valid, random):
    return b"\r\n".join((random.choice(_STARTS), content.partition(b"\r\n")[2]))


def _without_line(content, valid, random):
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _framing(content, valid, random):
    head, _, body = content.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    ends = (b"0\r\n\r\n", b"0\r\n", b"", b"0\r\n" + b"t: v\r\n" * 500, b"0\r\nContent-Length: 5\r\n\r\n", b"zzz")
    frame = random.choice(_SIZES) + b"\r\n" + body + b"\r\n" + random.choice(ends)
    return b"\r\n".join((*lines, b"Transfer-Encoding: chunked")) + b"\r\n\r\n" + frame


def _pipelined(content, valid, random):
    return b"".join(random.choice(valid) for _ in range(random.choice((2, 3, 40)))) + content


def _cut(content, valid, random):
    return content[: random.randrange(len(content) + 1)]


def _bare(content, valid, random):
    return content.replace(b"\r\n", random.choice((b"\n", b"\r", b"\n\r", b"\r\r\n")))


_WAYS = (
    *(_line, _line, _start, _without_line, _framing, _framing, _pipelined, _cut, _bare),
    lambda content, valid, random: damaged(content, random),
)
