"""A process's handles on store and blobs: they fail as the plan says, and go dead with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Attempt, Letter
from kyanite.core.session import Session, Tally
from kyanite.errors import Conflict, StoreOwned
from kyanite.ports import Blob, BlobStore, Content, Cursor, JobQuery, JobStore, SessionQuery, Settlement, Write
from kyanite.testing.simulation.life import Life, now
from kyanite.testing.simulation.world import World

T = TypeVar("T")


class SimulatedStore(JobStore):
    """The job store of the world as one process has it open."""

    def __init__(self, world: World, life: Life) -> None:
        """Belong to this process."""
        self._world = world
        self._life = life
        self._inner = world.store

    async def open(self, *, read_only: bool = False, endpoint: str | None = None) -> None:
        """Become the owner. Raises `StoreOwned` while another process is, unless that one is to be robbed."""
        del endpoint

        def effect() -> None:
            owner = self._world.owner
            if owner is not None and owner.alive and owner is not self._life and not read_only:
                raise StoreOwned("the simulated store", owner.number)
            if not read_only:
                self._world.owner = self._life

        await self._life.perform("store.open", effect, changes=False)

    async def aclose(self) -> None:
        """Give ownership back."""
        self._life.check()
        if self._world.owner is self._life:
            self._world.owner = None

    async def commit(self, writes: Sequence[Write]) -> list[int | None]:
        """Store, and have what was stored looked over at once."""
        self._world.loop.note(sum(write.details.version for write in writes))

        def effect() -> list[int | None]:
            if self._world.owner is not self._life:
                raise Conflict("another process owns this store now")
            positions = now(self._inner.commit(writes))
            self._world.witness.committed(writes, positions)
            return positions

        return await self._life.perform("store.commit", effect)

    async def get(self, workspace: str, job_id: str) -> JobDetails | None:
        return await self._read(lambda: now(self._inner.get(workspace, job_id)))

    async def page(self, query: JobQuery) -> list[JobDetails]:
        return await self._read(lambda: now(self._inner.page(query)))

    async def count(self, query: JobQuery, by: str | None = None) -> dict[str, int]:
        return await self._read(lambda: now(self._inner.count(query, by)))

    async def workspaces(self) -> list[str]:
        return await self._read(lambda: now(self._inner.workspaces()))

    async def events(self, after: int, limit: int, job: tuple[str, str] | None = None) -> list[Event]:
        return await self._read(lambda: now(self._inner.events(after, limit, job)))

    async def head(self) -> int:
        return await self._read(lambda: now(self._inner.head()))

    async def cursors(self, save: Sequence[Cursor] = ()) -> dict[str, Cursor]:
        return await self._life.perform("store.cursors", lambda: now(self._inner.cursors(save)))

    async def settle(self, settlement: Settlement) -> None:
        def effect() -> None:
            if self._world.owner is not self._life:
                raise Conflict("another process owns this store now")
            now(self._inner.settle(settlement))

        await self._life.perform("store.cursors", effect)

    async def letters(
        self, subscriber: str, *, after: int = 0, limit: int = 1_000, dead: bool | None = None
    ) -> list[Letter]:
        return await self._read(lambda: now(self._inner.letters(subscriber, after=after, limit=limit, dead=dead)))

    async def tally_letters(self, workspace: str) -> dict[str, tuple[int, int]]:
        return await self._read(lambda: now(self._inner.tally_letters(workspace)))

    async def attempts(
        self, subscriber: str, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, Attempt]]:
        return await self._read(lambda: now(self._inner.attempts(subscriber, before=before, limit=limit)))

    async def purge(self, workspace: str, job_ids: Sequence[str]) -> list[JobDetails]:
        def effect() -> list[JobDetails]:
            gone = now(self._inner.purge(workspace, job_ids))
            self._world.witness.purged(gone)
            return gone

        return await self._life.perform("store.purge", effect)

    async def buried(self, workspace: str, job_ids: Sequence[str]) -> set[str]:
        return await self._read(lambda: now(self._inner.buried(workspace, job_ids)))

    async def open_session(self, session: Session) -> Session:
        return await self._life.perform("store.sessions", lambda: now(self._inner.open_session(session)))

    async def close_session(self, workspace: str, session_id: str, time: datetime) -> Session | None:
        return await self._life.perform(
            "store.sessions", lambda: now(self._inner.close_session(workspace, session_id, time))
        )

    async def session(self, workspace: str, session_id: str) -> Session | None:
        return await self._read(lambda: now(self._inner.session(workspace, session_id)))

    async def page_sessions(self, query: SessionQuery) -> list[Session]:
        return await self._read(lambda: now(self._inner.page_sessions(query)))

    async def tally_sessions(self, workspace: str, session_ids: Sequence[str]) -> dict[str, Tally]:
        return await self._read(lambda: now(self._inner.tally_sessions(workspace, session_ids)))

    async def _read(self, effect: Callable[[], T]) -> T:
        return await self._life.perform("store.read", effect, changes=False)


class SimulatedBlobs(BlobStore):
    """The blobs of the world as one process has them open."""

    def __init__(self, world: World, life: Life) -> None:
        """Belong to this process."""
        self._world = world
        self._life = life
        self._inner = world.blobs

    async def open(self, *, read_only: bool = False) -> None:
        del read_only
        await self._life.perform("blobs.open", lambda: None, changes=False)

    async def aclose(self) -> None:
        self._life.check()

    async def put(
        self,
        key: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Blob:
        """Store the whole or nothing; a stream is read to its end first."""
        whole = content if isinstance(content, bytes | Path) else b"".join([chunk async for chunk in content])

        def effect() -> Blob:
            return now(
                self._inner.put(
                    key, whole, content_type=content_type, content_encoding=content_encoding, metadata=metadata
                )
            )

        return await self._life.perform("blobs.put", effect)

    async def stat(self, key: str) -> Blob | None:
        return await self._life.perform("blobs.read", lambda: now(self._inner.stat(key)), changes=False)

    async def get(self, key: str) -> bytes:
        return await self._life.perform("blobs.read", lambda: now(self._inner.get(key)), changes=False)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield in two chunks, between which the stream can break."""
        content = await self.get(key)
        wanted = content[start:end]
        half = len(wanted) // 2
        for part in (wanted[:half], wanted[half:]):
            if part:
                yield part
            await self._life.perform("blobs.read", lambda: None, changes=False)

    async def delete(self, keys: Sequence[str]) -> None:
        await self._life.perform("blobs.delete", lambda: now(self._inner.delete(keys)))

    async def page(self, prefix: str = "", after: str = "", limit: int = 500) -> list[Blob]:
        return await self._life.perform(
            "blobs.read", lambda: now(self._inner.page(prefix, after, limit)), changes=False
        )
