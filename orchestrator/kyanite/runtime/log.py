"""The events of one workspace, out of the log of all."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from kyanite.core.events import Event
from kyanite.ports import Subscription
from kyanite.runtime.engine import Engine


class Log:
    """What happens in a workspace of this process."""

    def __init__(self, engine: Engine, workspace: str) -> None:
        """Read the engine's log."""
        self._engine = engine
        self._workspace = workspace

    async def follow(self, after: int, *, forever: bool) -> AsyncGenerator[Event]:
        """Yield the workspace's events past a position: to the end, or on and on."""
        async for event in self._engine.bus.follow(after, forever=forever):
            if event.workspace == self._workspace:
                yield event

    def listen(self, subscription: Subscription) -> None:
        """Deliver to a subscriber from now on."""
        self._engine.listen(subscription)
