"""One HTTP session with a daemon: what is asked, how it is repeated, and how answers become errors.

Every request may be repeated, and is: what it makes has an id that was chosen here, so that doing it twice is doing it
once. A connection that breaks, and a daemon that can not answer at the moment, are therefore only waited for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

import aiohttp
import anyio
from yarl import URL

from kyanite.client.problems import TRY_AGAIN, error_of, problem_in, retry_after_s
from kyanite.client.retries import Lost, Retries
from kyanite.client.uploads import Upload
from kyanite.errors import InfrastructureError, KyaniteError, Unreachable, WorkspaceClosed
from kyanite.ports import Clock, Entropy

CONNECT_S: Final = 10.0
ANSWER_S: Final = 75.0
"""How long a daemon may be silent that is asked for something, or that sends events and a sign of life in between."""
REQUESTS_MAX: Final = 64
"""Requests at once; streams do not count."""

Query: TypeAlias = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Around:
    """What a connection is given of the program that it is made in."""

    clock: Clock
    entropy: Entropy
    trace: Callable[[], str | None] = lambda: None
    """Return the header `traceparent` of what goes on (W3C Trace Context); every request carries it."""
    patience_s: float = 60.0
    """How long a daemon that does not answer is asked again."""


@dataclass(frozen=True)
class Answer:
    """What a daemon answered, when that is no problem."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Streamed:
    """What a daemon goes on answering."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncGenerator[bytes]


def path(*parts: object) -> str:
    """Return the path of a resource: each part is one, whatever stands in it.

    Raises `ValueError` for a part that is no text, or empty, or has half a surrogate pair in it.
    """
    return "/v1/" + "/".join(_part(part) for part in parts)


def _part(text: object) -> str:
    if not isinstance(text, str) or not text:
        raise ValueError(f"{text!r} is no part of a path")
    quoted = quote(text, safe="")
    # Two dots would be taken for the folder above, by whatever stands in between.
    return quoted.replace(".", "%2E") if text in {".", ".."} else quoted


class Connection:
    """A daemon, as it is asked by one program."""

    def __init__(self, address: str, session: aiohttp.ClientSession, around: Around) -> None:
        """Ask through this session."""
        self.address = address
        self.around = around
        self.beginning: list[anyio.Event] = []
        """What changes have to wait for: subscribers that are still finding out where they begin."""
        self._session = session
        self._turns = anyio.CapacityLimiter(REQUESTS_MAX)
        self._closed = False

    def close(self) -> None:
        """Answer nothing more; whoever waits for an answer is told."""
        self._closed = True

    def retries(self) -> Retries:
        """Return a fresh count of attempts."""
        return Retries(self.around.clock, self.around.entropy, self.around.patience_s)

    async def ask(
        self,
        method: str,
        where: str,
        query: Query = (),
        body: Upload | None = None,
        headers: Mapping[str, str] | None = None,
        answer_s: float = ANSWER_S,
        done: type[KyaniteError] | tuple[()] = (),
    ) -> Answer:
        """Ask until there is an answer. Raises what the daemon says is wrong, `Unreachable`, and `WorkspaceClosed`.

        If the daemon says `done` of a repetition, an attempt before it did what was asked, and its answer was lost.
        """
        if method != "GET":
            for begun in list(self.beginning):
                await begun.wait()
        retries, repeated = self.retries(), False
        async with self._turns:
            while True:
                try:
                    return await self._once(method, where, query, body, answer_s, headers or {})
                except KyaniteError as error:
                    if repeated and isinstance(error, done):
                        return Answer(204, {}, b"")
                    raise
                except Lost as lost:
                    if body is not None and body.spent:
                        raise Unreachable(f"{lost}; and a stream that was read can not be sent again") from lost
                    await retries.pause(lost)
                    repeated = True

    @asynccontextmanager
    async def stream(
        self, where: str, query: Query = (), headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Streamed]:
        """Ask once, and yield the answer as it comes. Raises `Lost`, here and while it comes, and what `ask` does."""
        async with self._response("GET", where, query, None, ANSWER_S, headers or {}) as response:
            if response.status >= 300:
                self._refuse(response, await response.read())
            async with aclosing(self._chunks(response)) as chunks:
                yield Streamed(response.status, response.headers, chunks)

    async def _once(  # what `ask` takes
        self,
        method: str,
        where: str,
        query: Query,
        body: Upload | None,
        answer_s: float,
        headers: Mapping[str, str],
    ) -> Answer:
        async with self._response(method, where, query, body, answer_s, headers) as response:
            content = await response.read()
        if response.status >= 300:
            self._refuse(response, content, "body" if body is None else body.field)
        return Answer(response.status, response.headers, content)

    def _refuse(self, response: aiohttp.ClientResponse, body: bytes, sent: str = "body") -> None:
        """Raise what an answer says, or, if it only says that there is none yet, `Lost`."""
        error = error_of(response.status, response.headers, body, sent)
        if response.status not in TRY_AGAIN:
            raise error
        said = error if problem_in(body) is not None and type(error) is not InfrastructureError else None
        raise Lost(f"{self.address}: {error}", retry_after_s(response.headers) or 0.0, said)

    @asynccontextmanager
    async def _response(  # what `ask` and `stream` take
        self,
        method: str,
        where: str,
        query: Query,
        body: Upload | None,
        answer_s: float,
        headers: Mapping[str, str],
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._closed:
            raise WorkspaceClosed("use it inside `async with`")
        sent = dict(headers)
        if (trace := self.around.trace()) is not None:
            sent["traceparent"] = trace
        if body is not None:
            sent["Content-Type"] = body.content_type
            if (size := await body.size()) is not None:
                sent["Content-Length"] = str(size)
        text = urlencode(list(query), quote_via=quote, errors="surrogatepass")
        url = URL(f"{self.address}{where}{'?' if text else ''}{text}", encoded=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=answer_s)
        pieces = None if body is None else body.pieces()
        try:
            with self._seam(body):
                async with self._session.request(
                    method, url, data=pieces, headers=sent, timeout=timeout, allow_redirects=False
                ) as response:
                    try:
                        yield response
                    finally:
                        _let_go(response)
        finally:
            if pieces is not None:
                with suppress(RuntimeError):  # a reader that was cancelled has not left yet, and closes it
                    await pieces.aclose()

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        with self._seam(None):
            while chunk := await response.content.readany():
                yield chunk

    @contextmanager
    def _seam(self, body: Upload | None) -> Iterator[None]:
        """Raise what aiohttp raises as what it means here."""
        try:
            yield
        except aiohttp.ClientConnectorCertificateError as error:
            raise Unreachable(f"{self.address} is not who it says: {error.certificate_error}") from error
        except (aiohttp.ClientError, OSError) as error:
            if body is not None and body.failure is not None:
                raise body.failure from None
            if self._closed:
                raise WorkspaceClosed("it closed before the daemon answered") from error
            raise Lost(f"{self.address}: {str(error) or type(error).__name__}") from error


def _let_go(response: aiohttp.ClientResponse) -> None:
    """End the connection of an answer that was not read to its end, at once: TLS would wait for the other side."""
    connection = response.connection
    if connection is not None and connection.transport is not None and not response.content.is_eof():
        connection.transport.abort()
