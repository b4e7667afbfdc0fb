"""What became of deliveries to the named subscribers of a workspace, and how they are had once more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from kyanite.core.events import Event
from kyanite.core.letters import Attempt, Letter, Standing
from kyanite.errors import InvalidRequest, ReadOnly
from kyanite.ports import Settlement
from kyanite.runtime.engine import Engine
from kyanite.runtime.subscriptions import cursor_name

PAGE = 500
REPLAY_MAX = 10_000
"""The most events that one call replays."""


class Deliveries:
    """The named subscribers of a workspace of this process."""

    def __init__(self, engine: Engine, workspace: str, *, read_only: bool) -> None:
        """Look into the engine's store."""
        self._engine = engine
        self._store = engine.storage.store
        self._workspace = workspace
        self._read_only = read_only

    async def subscribers(self) -> list[Standing]:
        """Return how each stands, by name."""
        await self._engine.subscriptions.ledger.settled()
        head = max(self._engine.bus.position, await self._store.head())
        letters = await self._store.tally_letters(self._workspace)
        start = cursor_name(self._workspace, "")
        return [
            Standing(
                name=(own := name.removeprefix(start)),
                position=cursor.position,
                behind=max(head - cursor.position, 0),
                waiting=letters.get(name, (0, 0))[0],
                dead=letters.get(name, (0, 0))[1],
                running=self._engine.subscriptions.running(self._workspace, own) is not None,
                seen_time=cursor.seen_time,
            )
            for name, cursor in sorted((await self._store.cursors()).items())
            if name.startswith(start)
        ]

    async def letters(self, name: str, *, dead: bool | None = None) -> AsyncIterator[Letter]:
        """Yield what a subscriber has not taken, by position: all, the dead letters, or those that wait."""
        await self._engine.subscriptions.ledger.settled()
        after = 0
        while page := await self._store.letters(self._name(name), after=after, limit=PAGE, dead=dead):
            for letter in page:
                yield letter
            after = page[-1].position

    async def attempts(self, name: str) -> AsyncIterator[Attempt]:
        """Yield the newest attempts to deliver to a subscriber, newest first."""
        await self._engine.subscriptions.ledger.settled()
        before = None
        while page := await self._store.attempts(self._name(name), before=before, limit=PAGE):
            for before, attempt in page:  # noqa: B007  # the last one's is used
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
        """Offer events anew; see `DeliveriesFace`."""
        if self._read_only:
            raise ReadOnly("a replay is stored")
        ledger = self._engine.subscriptions.ledger
        await ledger.settled()
        if cursor_name(self._workspace, name) not in await self._store.cursors():
            raise InvalidRequest("subscriber", f"{name!r} is none")
        if len(positions) > REPLAY_MAX:
            raise InvalidRequest("positions", f"are {len(positions):,}; at most {REPLAY_MAX:,} are replayed at once")
        kept = {letter.position: letter async for letter in self.letters(name)}
        chosen = {position for position, letter in kept.items() if dead and letter.dead} | set(positions)
        missing = sorted(chosen - kept.keys())
        events = await self._events(name, missing, after, until) if missing or after is not None else []
        chosen |= {event.position for event in events}
        if len(chosen) > REPLAY_MAX:
            raise InvalidRequest("positions", f"are {len(chosen):,}; at most {REPLAY_MAX:,} are replayed at once")
        unknown = chosen - kept.keys() - {event.position for event in events}
        if unknown:
            raise InvalidRequest("positions", f"hold none of its events at {min(unknown)}")
        letters = [self._letter(name, event) for event in events if event.position not in kept]
        letters += [self._anew(kept[position]) for position in sorted(chosen & kept.keys())]
        delivery = self._engine.subscriptions.running(self._workspace, name)
        if delivery is None or not delivery.begun:
            await self._store.settle(Settlement(letters=tuple(letters)))
            delivery = self._engine.subscriptions.running(self._workspace, name)
        if delivery is not None:
            delivery.replay(letters)
            await ledger.settled()
        return len(letters)

    async def _events(self, name: str, positions: Sequence[int], after: int | None, until: int | None) -> list[Event]:
        delivery = self._engine.subscriptions.running(self._workspace, name)
        if delivery is None:
            raise InvalidRequest("subscriber", f"{name!r} is not delivered to at present; only its letters are known")
        found = [event for position in positions for event in await self._store.events(position - 1, 1)]
        asked = set(positions)
        wanted = [event for event in found if event.position in asked and await delivery.wants(event)]
        last = self._engine.bus.position if until is None else until
        while after is not None and after < last and len(wanted) <= REPLAY_MAX:
            page = await self._store.events(after, PAGE)
            wanted += [event for event in page if event.position <= last and await delivery.wants(event)]
            after = page[-1].position if page else last
        return wanted

    def _letter(self, name: str, event: Event) -> Letter:
        now = self._engine.storage.clock.now()
        return Letter(
            subscriber=self._name(name),
            position=event.position,
            workspace=event.workspace,
            job_id=event.job_id,
            version=event.version,
            attempts=0,
            first_time=now,
            due_time=now,
        )

    def _anew(self, letter: Letter) -> Letter:
        return replace(letter, attempts=0, due_time=self._engine.storage.clock.now())

    def _name(self, name: str) -> str:
        return cursor_name(self._workspace, name)
