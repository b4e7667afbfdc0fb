"""The named subscribers of a workspace of a daemon, as it tells of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct

from kyanite.client.answers import read
from kyanite.client.connection import Connection, path
from kyanite.client.listing import Page, items
from kyanite.client.uploads import json_body
from kyanite.core.letters import Attempt, Letter, Standing


class _Replayed(Struct):
    letters: int


class Deliveries:
    """What became of deliveries, asked of the daemon."""

    def __init__(self, connection: Connection) -> None:
        """Ask through this connection."""
        self._connection = connection

    async def subscribers(self) -> list[Standing]:
        """Return how each stands, by name."""
        return [standing async for standing in items(self._connection, path("subscribers"), [], _standings)]

    async def letters(self, name: str, *, dead: bool | None = None) -> AsyncIterator[Letter]:
        """Yield what a subscriber has not taken."""
        query = [("subscriber", name), *([] if dead is None else [("dead", str(dead).lower())])]
        async for letter in items(self._connection, path("letters"), query, letters_page):
            yield letter

    async def attempts(self, name: str) -> AsyncIterator[Attempt]:
        """Yield the newest attempts, newest first."""
        async for attempt in items(self._connection, path("attempts"), [("subscriber", name)], _attempts):
            yield attempt

    async def replay(
        self,
        name: str,
        *,
        positions: Sequence[int] = (),
        dead: bool = False,
        after: int | None = None,
        until: int | None = None,
    ) -> int:
        """Offer events to a subscriber anew, and return how many."""
        asked = {"subscriber": name, "positions": list(positions), "dead": dead, "after": after, "until": until}
        answer = await self._connection.ask("POST", path("replay"), body=json_body(asked))
        return read(answer.body, _replayed).letters


letters_page = msgspec.json.Decoder(Page[Letter])
_standings = msgspec.json.Decoder(Page[Standing])
_attempts = msgspec.json.Decoder(Page[Attempt])
_replayed = msgspec.json.Decoder(_Replayed)
