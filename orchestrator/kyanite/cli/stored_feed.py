"""The log in the data folder, as `kyanite events` reads it beside whoever owns that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

import anyio

from kyanite.cli.feed import Asked, Feed
from kyanite.core.events import Event
from kyanite.runtime.bus import PAGE, POLL_S

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace


class Stored(Feed):
    """Looks at the log again and again, since it grows in another process."""

    def __init__(self, workspace: Workspace, asked: Asked, *, names: bool = False) -> None:
        """Read it in this workspace."""
        super().__init__(asked, names=names)
        self._workspace = workspace
        self._store = workspace.host.storage.store

    async def head(self) -> int:
        """Ask the store."""
        return await self._store.head()

    async def pages(self, after: int, *, follow: bool) -> AsyncGenerator[list[Event]]:
        """Read the log of all workspaces, and leave out what is not asked for."""
        after = min(after, await self.head())
        learns = self.names or self.asked.by_label
        while True:
            page = await self._store.events(after, PAGE)
            own = [event for event in page if event.workspace == self._workspace.name]
            if learns:
                for event in own:
                    self.note(event)
            found = [event for event in own if await self.takes(event)]
            if found:
                yield found
            if page:
                after = page[-1].position
            if len(page) < PAGE:
                if not follow:
                    return
                await anyio.sleep(POLL_S)

    async def story(self, job_id: str) -> Sequence[Event]:
        """Ask the workspace."""
        return await self._workspace.story(job_id)

    async def row(self, job_id: str) -> JobDetails | None:
        """Ask the store."""
        return await self._store.get(self._workspace.name, job_id)
