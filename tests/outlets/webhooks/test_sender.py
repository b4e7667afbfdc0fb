"""Every answer has its meaning, and what is sent is what was given."""

import asyncio
import ssl
import traceback

import pytest
from aiohttp import web

from kyanite.config import DeliverySettings
from kyanite.errors import Undelivered
from kyanite.http import tls
from kyanite.outlets.webhooks.sender import Gone, Sender
from tests.outlets.webhooks.places import OK, listening, naming, saying, serving
from tests.outlets.webhooks.posting import BODY, HEADERS, HERE, PATH, QUICK, STRICT, answer, posted, refused


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226, 299])
async def test_two_hundreds_are_success(status):
    body = b"" if status == 204 else b"fine"
    async with listening(saying(answer(status, body))) as place:
        receipt = await posted(place)
    assert (receipt.status, receipt.excerpt) == (status, body.decode())


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_failures_and_nobody_follows_them(status):
    async with listening(saying(OK)) as target:
        moved = answer(status, b"", f"Location: {target.url()}")
        async with listening(saying(moved)) as place:
            error = await refused(place)
        assert error.status == status
        assert (place.connections, len(place.requests), target.connections) == (1, 1, 0)


@pytest.mark.parametrize("status", [101, 400, 401, 403, 404, 405, 409, 418, 422, 500, 501, 505, 599, 600, 999])
async def test_others_are_failures(status):
    async with listening(saying(answer(status, b"no such thing", "Retry-After: 7"))) as place:
        error = await refused(place)
    assert error.status == status
    assert error.retry_after_s is None
    assert str(place.port) in str(error)
    assert str(status) in str(error)
    assert not isinstance(error, Gone)


async def test_gone_is_gone():
    async with listening(saying(answer(410, b"never again"))) as place:
        error = await refused(place)
    assert isinstance(error, Gone)
    assert (error.status, error.excerpt, error.retry_after_s) == (410, "never again", None)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [
        ("30", 30, 30),
        ("999999999999999999999999999999", 86_400, 86_400),
        ("Fri, 31 Dec 2077 23:59:59 GMT", 86_400, 86_400),
        ("-30", None, None),
        ("Thu, 01 Jan 1970 00:00:01 GMT", None, None),
        ("a while", None, None),
        (None, None, None),
    ],
)
async def test_who_is_busy_may_ask_for_a_pause(status, header, least_s, most_s):
    headers = [] if header is None else [f"Retry-After: {header}"]
    async with listening(saying(answer(status, b"", *headers))) as place:
        error = await refused(place)
    assert error.status == status
    assert error.retry_after_s is None if least_s is None else least_s <= error.retry_after_s <= most_s


async def test_what_is_sent_is_what_was_given_and_little_else():
    async with (
        listening(saying(answer(200, b"", "Set-Cookie: canary=1; Path=/"))) as place,
        Sender(HERE, context=STRICT) as sender,
    ):
        for _ in range(2):
            await sender.post(place.url(PATH), HEADERS, BODY)
    head, _, body = place.requests[1].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /canary?canary=1 HTTP/1.1"
    assert body == BODY
    assert {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines} == {
        "host": f"127.0.0.1:{place.port}",
        "webhook-id": "msg_1",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "kyanite",
    }


@pytest.mark.parametrize("path", ["/a%2Fb/%41/../c//d?x=%20&y=+&z", "/?", "/'(x)!*;,", "/%zz"])
async def test_a_path_is_sent_as_it_was_written(path):
    async with listening(saying(OK)) as place, Sender(HERE, context=STRICT) as sender:
        await sender.post(place.url(path), HEADERS, BODY)
    assert place.requests[0].startswith(f"POST {path.removesuffix('?')}".encode())


async def test_a_connection_serves_many_posts():
    async with listening(saying(OK)) as place, Sender(HERE, context=STRICT) as sender:
        for _ in range(50):
            await sender.post(place.url(), HEADERS, BODY)
        assert (place.connections, len(place.requests)) == (1, 50)
        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(sender.post(place.url(), HEADERS, BODY))
        assert len(place.requests) == 66
        assert place.connections <= 16


async def test_a_failure_does_not_cost_the_connection():
    async with listening(saying(answer(500, b"oops"))) as place, Sender(HERE, context=STRICT) as sender:
        for _ in range(5):
            with pytest.raises(Undelivered):
                await sender.post(place.url(), HEADERS, BODY)
        assert place.connections == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    pytest.importorskip("cryptography")
    return tls.development(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def served(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate)
    return context


@pytest.fixture
def trusting(certificate):
    return ssl.create_default_context(cafile=certificate.authority)


async def test_who_shows_a_good_certificate_is_posted_to(served, trusting):
    async with listening(saying(OK), context=served) as place, Sender(HERE, context=trusting) as sender:
        for _ in range(3):
            assert (await sender.post(place.url(PATH, scheme="https"), HEADERS, BODY)).status == 200
        assert place.connections == 1


async def test_who_shows_a_bad_certificate_is_not(served, trusting):
    async with listening(saying(OK), context=served) as place:
        assert "not who it says it is" in str(await refused(place, scheme="https"))
        delivery = DeliverySettings(allow=("other.example",), timeout_s=10)
        async with Sender(delivery, lookup=naming(["127.0.0.1"]), context=trusting) as sender:
            with pytest.raises(Undelivered, match="not who it says it is"):
                await sender.post(place.url(PATH, host="other.example", scheme="https"), HEADERS, BODY)
        assert place.requests == []


async def test_who_speaks_no_tls_is_told(trusting):
    async with listening(saying(OK)) as place:
        error = await refused(place, QUICK, scheme="https")
    assert "TLS" in str(error) or "did not answer" in str(error)
    assert place.requests == []


async def test_an_excerpt_is_fit_for_a_log():
    async def echo(request):
        return web.Response(status=404, body=f"Cannot POST {request.raw_path}\x1b[2J\r\n".encode() + b"z" * 5_000)

    async with serving(echo) as port, Sender(HERE, context=STRICT) as sender:
        with pytest.raises(Undelivered) as caught:
            await sender.post(f"http://127.0.0.1:{port}{PATH}", HEADERS, BODY)
    assert caught.value.excerpt.startswith("Cannot POST <hidden>\ufffd[2J  zzz")
    assert len(caught.value.excerpt) == 1_000


@pytest.mark.parametrize(
    "url", ["https://canary@127.0.0.1/", "http://127.0.0.1:1/canary\n", "ftp://x/canary", "canary"]
)
async def test_a_url_that_is_not_in_order_is_not_posted_to(url):
    async with Sender(HERE, context=STRICT) as sender:
        with pytest.raises(Undelivered, match="url") as caught:
            await sender.post(url, HEADERS, BODY)
    assert "canary" not in "".join(traceback.format_exception_only(caught.value))


async def test_a_sender_has_to_be_open():
    sender = Sender(HERE, context=STRICT)
    with pytest.raises(RuntimeError, match="async with"):
        await sender.post("https://example.com/", HEADERS, BODY)
    async with sender:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        await sender.post("https://example.com/", HEADERS, BODY)
