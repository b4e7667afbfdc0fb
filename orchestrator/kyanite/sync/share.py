"""A share in a workspace that runs in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import kyanite
from kyanite.config import Settings
from kyanite.errors import WorkspaceClosed
from kyanite.ports import Provider
from kyanite.sync.loop_thread import outcome
from kyanite.sync.open_workspace import Action, OpenWorkspace
from kyanite.sync.shared_storage import shared_storage

T = TypeVar("T")


class WorkspaceShare:
    """Opens the workspace at its first use, and reaches it from any thread."""

    def __init__(self, settings: Settings, providers: Sequence[Provider], *, read_only: bool) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._providers = providers
        self._shared = shared_storage(settings, read_only=read_only)
        self._current: OpenWorkspace | None = None
        self._closed = False

    def close(self, *, hurry: bool = False) -> None:
        """Use the workspace no longer; the last to do so closes it. Jobs that have not ended go on when it is reopened.

        Jobs that execute get the grace time of the settings to end in, unless in a `hurry`. May be called twice.
        """
        self._closed = True
        shared, self._current = self._current, None
        if shared is not None:
            self._shared.leave(self, shared, hurry=hurry)

    def call(self, action: Action[T]) -> T:
        """Await what a coroutine function does with the `kyanite.Workspace` behind this one, and return it.

        This is the way to what has no method here. A thread that is interrupted meanwhile, by Ctrl-C for instance, gets
        away at once, and the coroutine is cancelled.
        """
        return outcome(self.spawn(action))

    def spawn(self, action: Action[T]) -> Future[T]:
        """Begin what `call` does, and return its future."""
        return self._opened().spawn(action)

    def iterate(self, source: Callable[[kyanite.Workspace], AsyncGenerator[T]]) -> Iterator[T]:
        """Yield what an asynchronous generator yields, one by one, each when it is asked for."""
        shared = self._opened()

        async def begun(workspace: kyanite.Workspace) -> AsyncGenerator[T]:
            return source(workspace)

        async def advanced(_: kyanite.Workspace) -> tuple[T, ...]:
            async for item in generator:
                return (item,)
            return ()

        async def ended(_: kyanite.Workspace) -> None:
            await generator.aclose()

        generator = outcome(shared.spawn(begun))
        try:
            while found := outcome(shared.spawn(advanced)):
                yield found[0]
        except GeneratorExit:
            with suppress(WorkspaceClosed, RuntimeError):  # dropped after the close, or by the loop's own thread
                shared.spawn(ended)
            raise

    def _reopened(self) -> OpenWorkspace:
        self._closed = False
        return self._opened()

    def _opened(self) -> OpenWorkspace:
        if self._closed:
            raise WorkspaceClosed("close() was called")
        shared = self._current
        if shared is None or not shared.usable:
            shared = self._current = self._shared.join(self, self._settings, self._providers)
        return shared
