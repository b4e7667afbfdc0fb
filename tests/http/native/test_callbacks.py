"""Callbacks over HTTP: a service elsewhere tells of a job by a URL that nobody else can guess, and of nothing else."""

import asyncio
import io
import logging
import time
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite import logs
from kyanite.config import ServerSettings
from kyanite.core.job import Target
from kyanite.http.callbacks import Tokens, locate
from kyanite.http.daemon import serving
from kyanite.http.gateway import Signer, signer_in
from kyanite.http.native import callbacks
from kyanite.http.native.callbacks import BODY_BYTES_MAX, Inlet
from kyanite.ports import Provider
from tests.http.limited import Asker
from tests.http.places import settings

PUBLIC = "https://jobs.example.org"
PATIENCE_S = 20.0
SECRET = b"secret" * 8
TOKENS = Tokens(Signer(SECRET))


class Remote(Provider):
    """A provider whose service elsewhere works on a job until `over` is set, and tells by a callback that it is."""

    id = "acme"

    def __init__(self):
        self.over = anyio.Event()
        self.offered = []
        """The URL that each execution was offered."""
        self.urls = {}
        """The URL that was handed over with each job, by workspace and id."""
        self.looks = Counter()
        """How often the service was asked how each job stands."""
        self.fault = None

    def targets(self):
        return [Target(id="acme.remote", provider_id=self.id, slots=4, remote=True)]

    async def run(self, task):
        address = task.details.workspace, task.details.id
        self.offered.append(task.callback_url)
        if task.details.handle is None:
            self.urls[address] = task.callback_url
            await task.checkpoint({"id": task.details.id})
        while not self._ended(address):
            await task.called_back()
        if self.fault is not None:
            raise self.fault
        await task.write_output(b"done")

    def _ended(self, address):
        self.looks[address] += 1
        return self.over.is_set()


class Elsewhere(Asker):
    """A client of a daemon, as the service of its provider is one."""

    def __init__(self, running, http, provider):
        super().__init__(running, http)
        self.provider = provider

    async def submitted(self, job_id, workspace=None):
        """A job that the service was asked about once, and the path of its URL."""
        there = await self.running.service.tenant(workspace or "default")
        job = await there.submit("acme.remote", b"in", job_id=job_id)
        await until(lambda: self.provider.looks[there.name, job_id])
        url = self.provider.urls[there.name, job_id]
        assert url.startswith(f"{PUBLIC}/v1/callbacks/kyc_")
        return job, url.removeprefix(PUBLIC)

    async def told(self, path, **options):
        """Status, headers but for those that differ between any two answers, and body of a POST."""
        async with self.request("POST", path, **options) as answer:
            headers = {name: text for name, text in answer.headers.items() if name not in {"Date", "x-ms-request-id"}}
            assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
            return answer.status, headers, await answer.read()


async def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


@asynccontextmanager
async def elsewhere(folder, provider=None, **server):
    """A daemon that has a public address and asks for keys, and a client without one."""
    chosen = settings(folder, **{"public_url": PUBLIC, "keys_required": True} | server)
    chosen = replace(chosen, limits=replace(chosen.limits, shutdown_grace_s=0.01))
    provider = provider or Remote()
    async with serving(chosen, providers=[provider]) as running, aiohttp.ClientSession() as http:
        yield Elsewhere(running, http, provider)


@pytest.fixture
def unlimited(monkeypatch):
    """As many wrong tokens as a test likes."""
    monkeypatch.setattr(callbacks, "MISSES_PER_S", 1e6)


@pytest.fixture
def clock(monkeypatch):
    """The time that the rates go by, in a list of one."""
    now_s = [1_000.0]
    monkeypatch.setattr(Inlet, "now_s", lambda inlet: now_s[0])
    return now_s


# What it is for -------------------------------------------------------------------------------------------------------


async def test_a_job_ends_as_soon_as_its_service_calls_back(tmp_path):
    async with elsewhere(tmp_path) as client:
        job, path = await client.submitted("a")
        foreign, its_path = await client.submitted("a", "beta")
        assert path != its_path
        assert (await client.told(path, data=b"{not json"))[0] == 202
        await until(lambda: client.provider.looks["default", "a"] == 2)  # and there was no news
        client.running.service.state.draining = True
        client.provider.over.set()
        for one, url in ((job, path), (foreign, its_path)):
            status, _, body = await client.told(url)
            assert (status, body) == (202, b"")
            assert (await one.wait(PATIENCE_S)).details.status == "Succeeded"
        assert client.provider.looks == {("default", "a"): 3, ("beta", "a"): 2}


async def test_a_url_outlives_the_daemon(tmp_path):
    first, second = Remote(), Remote()
    async with elsewhere(tmp_path, first) as client:
        _, path = await client.submitted("a")
    async with elsewhere(tmp_path, second) as client:
        job = await client.running.service.workspace.get_job("a")
        await until(lambda: second.looks["default", "a"])
        assert second.urls == {}, "submitted once more"
        assert first.offered == second.offered == [PUBLIC + path]
        second.over.set()
        assert (await client.told(path))[0] == 202
        assert (await job.wait(PATIENCE_S)).details.status == "Succeeded"
        assert (first.looks.total(), second.looks.total()) == (1, 2)


async def test_without_a_public_address_the_provider_has_no_url(tmp_path):
    provider = Remote()
    async with elsewhere(tmp_path, provider, public_url="") as client:
        await client.running.service.workspace.submit("acme.remote", b"in", job_id="a")
        await until(lambda: provider.looks["default", "a"])
        assert provider.urls == {("default", "a"): None}


def test_the_public_address_goes_before_the_one_that_is_listened_at(tmp_path):
    def url(listening, public_url=""):
        found = locate(tmp_path, ServerSettings(public_url=public_url), listening)
        return None if found is None else found(("w", "a"))

    assert [url(f"http://{host}:8473") for host in ("127.0.0.1", "localhost", "[::1]")] == [None] * 3
    token = Tokens(signer_in(tmp_path)).of(("w", "a"))
    assert url("http://127.0.0.1:8473", PUBLIC) == f"{PUBLIC}/v1/callbacks/{token}"
    for listening in ("https://10.0.0.5:8473", "http://[fd00::5]:8473", "http://jobs.internal:80"):
        assert url(listening) == f"{listening}/v1/callbacks/{token}"


# Tokens ---------------------------------------------------------------------------------------------------------------


def near(token):
    """Texts that are almost this token: each character another, one less, one more, or spelled in another way."""
    alphabet = "ABab01-_"
    for at, character in enumerate(token):
        yield token[:at] + next(other for other in alphabet if other != character) + token[at + 1 :]
        yield token[:at] + chr(ord(character) ^ 1) + token[at + 1 :]
        yield token[:at] + token[at + 1 :]
    yield from (token + more for more in ("=", "==", "A", " ", "\n", "\0", "é"))
    yield from (token.lower(), token.upper(), token.removeprefix("kyc_"), f"kyc_{token}", token * 20, "", "kyc_", "é")


def test_nothing_near_a_token_is_one():
    for address in (("default", "a"), ("w" * 128, "j" * 128), ("default", "ab"), ("default", "abc")):
        token = TOKENS.of(address)
        assert TOKENS.address_of(token) == address
        assert len(token) <= 512
        assert [text for text in near(token) if TOKENS.address_of(text) is not None] == []
    assert Tokens(Signer(b"another" * 8)).address_of(TOKENS.of(("default", "a"))) is None
    assert "secret" not in repr(TOKENS)


ADDRESSES = st.tuples(st.text(max_size=130), st.text(max_size=130))


@given(ADDRESSES, ADDRESSES)
def test_a_token_is_good_for_one_address(one, other):
    assert TOKENS.address_of(TOKENS.of(one)) == one
    assert (TOKENS.of(one) == TOKENS.of(other)) is (one == other)


@given(ADDRESSES, ADDRESSES, st.integers(0, 400), st.integers(0, 400))
def test_parts_of_two_tokens_are_none(one, other, end, start):
    ours, theirs = TOKENS.of(one), TOKENS.of(other)
    mixed = ours[:end] + theirs[start:]
    assert TOKENS.address_of(mixed) == {ours: one, theirs: other}.get(mixed)


@given(st.text() | st.text("ABCab01_-", min_size=40).map("kyc_{}".format))
def test_no_other_text_is_a_token(text):
    assert TOKENS.address_of(text) is None


@pytest.mark.usefixtures("unlimited")
async def test_what_is_wrong_with_a_token_is_told_to_nobody(tmp_path):
    async with elsewhere(tmp_path) as client:
        ended, old_path = await client.submitted("ended")
        client.provider.over.set()
        assert (await client.told(old_path))[0] == 202
        await ended.wait(PATIENCE_S)
        client.provider.over = anyio.Event()
        _, path = await client.submitted("a")
        token, tokens = path.rpartition("/")[2], Tokens(client.running.service.signer)
        wrong = [text for text in near(token) if text and text.isascii() and text.isprintable() and " " not in text]
        wrong += [tokens.of(address) for address in (("default", "b"), ("beta", "a"), ("", ""), ("default", "ended"))]
        wrong += [f"{token}{more}" for more in ("%00", "%20", "%0A", "%2F", "%2e%2e", "%25", "%3Fa", "%C3%A9", "%ff")]
        wrong += [f"..%2F{token}", "%00", "%252F", "x" * 8_000, "%E2%80%AE", old_path.rpartition("/")[2]]
        wrong += [f"{token[:-1]}{brace}" for brace in ("{", "}", "%7B", "%7D")]
        answers = {str(await client.told(f"/v1/callbacks/{text}")) for text in wrong}
        sent = {"data": b"x" * (BODY_BYTES_MAX + 1)}
        answers |= {str(await client.told(place, **sent)) for place in (old_path, "/v1/callbacks/x")}
        answers |= {str(await client.told("/v1/callbacks/x?a=1", headers={"Authorization": "Bearer kya__"}))}
        assert len(answers) == 1, answers
        assert "(404, " in answers.pop()
        assert client.provider.looks["default", "a"] == 1, "a wrong token has woken somebody"
        assert (await client.told(f"{path}?id=7&status=done"))[0] == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_a_look_at_the_url_is_no_notice(tmp_path, method):
    async with elsewhere(tmp_path, keys_required=False) as client:
        _, path = await client.submitted("a")
        status, headers, _ = await client.ask(method, path)
        assert (status, headers["Allow"]) == (405, "POST")
        assert client.provider.looks.total() == 1


# Bounds ---------------------------------------------------------------------------------------------------------------


async def in_pieces(size):
    for _ in range(size // 1_024):
        yield b"x" * 1_024
    if size % 1_024:
        yield b"x" * (size % 1_024)


async def test_a_body_is_dropped_up_to_a_bound(tmp_path):
    async with elsewhere(tmp_path) as client:
        _, path = await client.submitted("a")
        for size in (BODY_BYTES_MAX + 1, 1 << 20):
            await client.refused(413, "RequestBodyTooLarge", "POST", path, data=b"x" * size)
            await client.refused(413, "RequestBodyTooLarge", "POST", path, data=in_pieces(size))
        assert client.provider.looks.total() == 1
        for size in (0, BODY_BYTES_MAX):
            assert (await client.told(path, data=b"x" * size))[0] == 202
            assert (await client.told(path, data=in_pieces(size)))[0] == 202
        headers = {"Content-Encoding": "gzip", "Content-MD5": "none"}
        assert (await client.told(path, data=b"no gzip", headers=headers))[0] == 202


async def stalled():
    yield b"{"
    await asyncio.Event().wait()


async def test_a_body_is_not_waited_for_for_ever(tmp_path):
    async with elsewhere(tmp_path, request_patience_s=0.1) as client:
        _, path = await client.submitted("a")
        await client.refused(408, "RequestTimeout", "POST", path, data=stalled())
        assert client.provider.looks.total() == 1


async def test_a_job_that_ends_while_the_body_comes_is_told_of_no_more(tmp_path):
    async with elsewhere(tmp_path) as client:
        job, path = await client.submitted("a")
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            yield b"{"
            begun.set()
            await go_on.wait()
            yield b"}"

        async with asyncio.TaskGroup() as tasks:
            late = tasks.create_task(client.told(path, data=slow()))
            await begun.wait()
            client.provider.over.set()
            assert (await client.told(path))[0] == 202
            await job.wait(PATIENCE_S)
            go_on.set()
        assert late.result()[0] == 404


async def test_notices_of_a_job_are_so_many(tmp_path, clock):
    async with elsewhere(tmp_path) as client:
        _, path = await client.submitted("a")
        _, other = await client.submitted("b")
        for _ in range(10):
            assert (await client.told(path))[0] == 202
        status, headers, _ = await client.told(path)
        assert (status, headers["Retry-After"]) == (429, "1")
        await client.refused(429, "TooManyRequests", "POST", path)
        assert (await client.told(other))[0] == 202
        clock[0] += 1.0
        assert [(await client.told(path))[0] for _ in range(2)] == [202, 429]


async def test_wrong_tokens_of_a_client_are_so_many_and_right_ones_are_taken_meanwhile(tmp_path, clock):
    async with elsewhere(tmp_path) as client:
        _, path = await client.submitted("a")
        for number in range(10):
            assert (await client.told(f"/v1/callbacks/{number}"))[0] == 404
        status, headers, _ = await client.told(f"{path}A")
        assert (status, headers["Retry-After"]) == (429, "1")
        assert (await client.told(path))[0] == 202
        clock[0] += 1.0
        assert [(await client.told("/v1/callbacks/x"))[0] for _ in range(2)] == [404, 429]


async def test_the_bounds_of_the_daemon_are_its_bounds_too(tmp_path, clock):
    async with elsewhere(tmp_path, requests_per_s=12.0, requests_max=1) as client:
        _, path = await client.submitted("a")
        _, other = await client.submitted("b")
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow():
            yield b"{"
            begun.set()
            await go_on.wait()

        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(client.told(path, data=slow()))
            await begun.wait()
            problem = await client.refused(429, "TooManyRequests", "POST", other)
            assert "server.requests_max" in problem["detail"]
            go_on.set()
        assert first.result()[0] == 202
        for _ in range(10):
            assert (await client.told(other))[0] == 202
        problem = await client.refused(429, "TooManyRequests", "POST", path)
        assert "server.requests_per_s" in problem["detail"]
        clock[0] += 1.0
        assert (await client.told(path))[0] == 202


# Secrecy --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged():
    """All that is logged, as a buffer; put everything back afterwards."""
    library = logging.getLogger("kyanite")
    kept = (library.handlers[:], library.level, library.propagate)
    stream = io.StringIO()
    logs.configure("json", "DEBUG", stream)
    yield stream
    library.handlers[:], library.propagate = kept[0], kept[2]
    library.setLevel(kept[1])


@pytest.mark.usefixtures("unlimited")
async def test_a_token_is_in_no_line_and_in_no_row(tmp_path, logged, caplog):
    async with elsewhere(tmp_path) as client:
        job, path = await client.submitted("a")
        token = path.rpartition("/")[2]
        spelled = "".join(f"%{ord(character):02x}" for character in token)
        places = [f"{path}/", f"/v1//callbacks/{token}", f"/v1/callbacks/{spelled}", f"/{token}/{token}/{token}"]
        places += [f"/v1/callbacks/k%79c_{token[4:]}/more", f"/v1/jobs/{token}", f"{path}?{token}"]
        for place in places:
            for method in ("GET", "POST"):
                await client.ask(method, place)
        client.provider.fault = ConnectionError(f"the service did not reach {PUBLIC}{path}")
        client.provider.over.set()
        await client.told(path)
        await job.wait(PATIENCE_S)
        assert "the service did not reach" in job.details.error_data.message
        row = repr(job.details) + str(await job.story())
    lines = logged.getvalue()
    assert '"path": "<hidden>"' in lines
    assert "provider fault" in lines
    for text in (lines, row, caplog.text):
        for secret in (token, token[4:], token[8:30], spelled):
            assert secret not in text
