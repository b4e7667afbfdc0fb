"""One running workspace of this process, and the `kyanite.sync.Workspace` objects that share it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar, cast
from weakref import WeakSet

import kyanite
from kyanite.config import Settings
from kyanite.errors import InvalidRequest, WorkspaceClosed
from kyanite.ports import Provider
from kyanite.sync import shutdown
from kyanite.sync.loop_thread import LoopThread

T = TypeVar("T")
Action: TypeAlias = Callable[[kyanite.Workspace], Coroutine[Any, Any, T]]


class OpenWorkspace:
    """A workspace that runs in the loop thread of its storage, entered and left by one task there."""

    def __init__(self, thread: LoopThread, workspace: kyanite.Workspace) -> None:
        """Enter the workspace. Raises what entering raises."""
        self.users: WeakSet[Any] = WeakSet()
        """Who shares it. One that is dropped without being closed no longer counts."""
        self._thread = thread
        self._workspace = workspace
        self._process = os.getpid()
        self._task: asyncio.Task[Any] | None = None
        self._acting: set[asyncio.Task[Any]] = set()
        self._closing, self._leaving, self._hurried = asyncio.Event(), asyncio.Event(), False
        entered: Future[None] = Future()
        self._served = thread.spawn(lambda: self._serve(entered))
        try:
            wait([entered, self._served], return_when=FIRST_COMPLETED)
        except BaseException:
            wait([self.begin_to_close(hurry=True)], shutdown.HURRY_S)
            raise
        if not entered.done():
            self._served.result()

    @property
    def running(self) -> bool:
        """Whether the workspace has not been left yet."""
        return not self._served.done()

    @property
    def usable(self) -> bool:
        """Whether the workspace is not even being left, be it because it failed, and runs in this very process."""
        return self.running and not self._leaving.is_set() and self._process == os.getpid()

    @property
    def grace_s(self) -> float:
        """How long executing jobs may take to end when the workspace is closed."""
        return self._workspace.settings.limits.shutdown_grace_s

    def spawn(self, action: Action[T]) -> Future[T]:
        """Have something done with the workspace. Raises `WorkspaceClosed`."""
        if not self.usable:
            failure = None if self.running or self._served.cancelled() else self._served.exception()
            raise WorkspaceClosed("it has stopped") from failure
        shutdown.note_caller()
        return self._thread.spawn(lambda: self._act(action))

    def check(self, settings: Settings, providers: Sequence[Provider]) -> None:
        """Refuse to be shared by one who wants it otherwise. Raises `InvalidRequest`."""
        here = "are not those that this workspace is open with in this process; close it first"
        if settings != self._workspace.settings:
            raise InvalidRequest("settings", here)
        wanted = {target.id for provider in providers for target in provider.targets()}
        if wanted - {target.id for target in self._workspace.targets()}:
            raise InvalidRequest("providers", here)

    def close(self, *, hurry: bool = False) -> None:
        """Leave the workspace in order. Raises what leaving raises.

        In a `hurry`, or after Ctrl-C meanwhile, jobs that execute get no grace time to end in.
        """
        served = self.begin_to_close(hurry=hurry)
        try:
            wait([served])
        except BaseException:
            wait([self.begin_to_close(hurry=True)], shutdown.HURRY_S)
            raise
        if not served.cancelled():
            served.result()

    def begin_to_close(self, *, hurry: bool = False) -> Future[None]:
        """Have the workspace left, and return what is done when it has been."""
        if self.running:
            self._thread.spawn(lambda: self._leave(hurry=hurry))
        return self._served

    async def _act(self, action: Action[T]) -> T:
        if not self.usable:
            raise WorkspaceClosed("it closed meanwhile")
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._acting.add(task)
        try:
            return await action(self._workspace)
        finally:
            self._acting.discard(task)

    def _abandon(self) -> None:
        """Let nobody wait for what a closed workspace will never do."""
        for task in self._acting:
            task.cancel()

    async def _leave(self, *, hurry: bool) -> None:
        self._closing.set()
        if not hurry or self._hurried:
            return
        self._hurried = True
        await self._leaving.wait()
        # What it awaits first when it leaves is the end of jobs that execute. That is shielded from everything but this
        # cancel, and what comes after it is carried out all the same.
        if self._task is not None:
            self._task.cancel()

    async def _serve(self, entered: Future[None]) -> None:
        self._task = asyncio.current_task()
        async with AsyncExitStack() as leaving:
            leaving.callback(self._abandon)
            leaving.callback(self._leaving.set)  # should it not even be entered
            await leaving.enter_async_context(self._workspace)
            leaving.callback(self._leaving.set)
            entered.set_result(None)
            await self._closing.wait()
