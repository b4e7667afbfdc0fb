"""The webhooks of a workspace of a daemon."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from kyanite.client.answers import read
from kyanite.client.connection import ANSWER_S, Connection, path
from kyanite.client.listing import Page, items
from kyanite.client.problems import Refused
from kyanite.client.uploads import Upload, json_body
from kyanite.core.letters import Attempt
from kyanite.errors import Unreachable
from kyanite.outlets.webhooks.definition import WebhookConfigured, WebhookExists, WebhookNotFound
from kyanite.outlets.webhooks.record import NewSecret, WebhookRecord

TEST_ANSWER_S = 3_600.0
"""How long the answer to a test may take: the daemon waits for the receiver's, and only it knows for how long."""


class Webhooks:
    """The webhooks of a workspace. Every method raises what `Connection.ask` does.

    Those that name one raise `WebhookNotFound`, and those that change one `WebhookConfigured`.
    """

    def __init__(self, connection: Connection) -> None:
        """Ask through this connection."""
        self._connection = connection

    async def all(self) -> list[WebhookRecord]:
        """Return all of them, by name."""
        return [webhook async for webhook in items(self._connection, path("webhooks"), [], _page)]

    async def get(self, name: str) -> WebhookRecord:
        """Return one."""
        return read(await self._ask("GET", name), _webhook)

    async def add(self, name: str, url: str, **fields: Any) -> NewSecret:
        """Add one, with these fields of it, and maybe a `secret`; else one of a `kind` is made.

        If an answer is lost, the one that was added then is in the way of the repetition. Raises `InvalidRequest`,
        `WebhookExists`.
        """
        return read(await self._ask("POST", body=json_body({"name": name, "url": url, **fields})), _new_secret)

    async def change(self, name: str, **fields: Any) -> WebhookRecord:
        """Give one other values of these fields, such as the `state` `paused` or `active`. Raises `InvalidRequest`."""
        return read(await self._ask("PATCH", name, body=json_body(fields)), _webhook)

    async def rotate(self, name: str) -> NewSecret:
        """Give one a new secret, beside which the one before it signs for a while.

        It is asked once: a repetition would replace a secret that nobody has heard of, and end the one before it.
        Raises `Unreachable` if the answer is lost.
        """
        once = Upload(_nothing(), "application/json", "body")
        try:
            return read(await self._ask("POST", name, "rotate", body=once), _new_secret)
        except Unreachable as error:
            if once.spent:
                raise Unreachable("the answer was lost, and maybe a new secret: look when the old one ends") from error
            raise

    async def remove(self, name: str) -> None:
        """Remove one, with what it has not been sent and the log of what it was."""
        await self._ask("DELETE", name)

    async def test(self, name: str) -> Attempt:
        """Have a message sent to it that is about no event, and return what came of it."""
        return read(await self._ask("POST", name, "test", answer_s=TEST_ANSWER_S), _attempt)

    async def _ask(self, method: str, *parts: str, body: Upload | None = None, answer_s: float = ANSWER_S) -> bytes:
        try:
            where = path("webhooks", *parts)
        except ValueError as error:
            raise WebhookNotFound(f"{parts[0]!r:.200}") from error
        with _as_raised():
            return (await self._connection.ask(method, where, body=body, answer_s=answer_s)).body


_KINDS = {kind.__name__: kind for kind in (WebhookNotFound, WebhookExists, WebhookConfigured)}


@contextmanager
def _as_raised() -> Iterator[None]:
    """Raise what a daemon refuses as the error that it was there."""
    try:
        yield
    except Refused as refused:
        kind = _KINDS.get(refused.code)
        if kind is None:
            raise
        # The detail is the whole message.
        raise kind.__new__(kind, str(refused).partition(": ")[2]) from None


async def _nothing() -> AsyncGenerator[bytes]:
    """Yield no content; as a stream, it can be sent once only."""
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece


_page = msgspec.json.Decoder(Page[WebhookRecord])
_webhook = msgspec.json.Decoder(WebhookRecord)
_new_secret = msgspec.json.Decoder(NewSecret)
_attempt = msgspec.json.Decoder(Attempt)
