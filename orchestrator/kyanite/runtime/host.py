"""What workspaces of this process stand on: one engine over one storage, and the providers that all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Protocol

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from kyanite.config import Settings
from kyanite.errors import WorkspaceClosed
from kyanite.ports import Faces, Provider
from kyanite.runtime.callbacks import Callbacks
from kyanite.runtime.deliveries import Deliveries
from kyanite.runtime.engine import Engine, Storage, running
from kyanite.runtime.jobs import Jobs
from kyanite.runtime.log import Log
from kyanite.runtime.registry import Registry
from kyanite.runtime.sessions import Sessions
from kyanite.runtime.submission import Submission
from kyanite.runtime.vitals import Vitals, vitals


class Outlet(AbstractAsyncContextManager["Outlet"], Protocol):
    """Takes events out of the process. It is entered as long as its subscriptions may be called."""

    async def run(self, host: Host, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See to it that what is to be called is subscribed, until cancelled; begun when the host is open.

        It has started when nothing that happens from then on is missed.
        """


class Host:
    """An engine, while it is entered, and what it is made of."""

    def __init__(  # what `Workspace` was made with
        self,
        settings: Settings,
        storage: Storage,
        providers: Sequence[Provider],
        *,
        read_only: bool,
        drive: bool,
        endpoint: str | None,
    ) -> None:
        """Nothing is opened yet."""
        self.settings = settings
        self.storage = storage
        self.registry = Registry(providers)
        self.callbacks = Callbacks()
        self.outlets: list[Outlet] = []
        """What is entered before the engine, and left after it. Only for an engine that drives."""
        self.read_only = read_only
        self.drive = drive
        self.endpoint = endpoint
        self._lifetime = AsyncExitStack()
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The running engine. Raises `WorkspaceClosed`."""
        if self._engine is None:
            raise WorkspaceClosed("use it inside `async with`")
        return self._engine

    async def open(self) -> Faces:
        """Open store and blobs, take up what an earlier process left, and start."""
        lifetime = running(
            self.settings,
            self.storage,
            self.registry.providers,
            self.callbacks,
            read_only=self.read_only,
            drive=self.drive,
            endpoint=self.endpoint,
        )
        outlets = self.outlets if self.drive and not self.read_only else []
        async with AsyncExitStack() as stack:
            for outlet in outlets:
                await stack.enter_async_context(outlet)
            with _plainly():
                self._engine = await stack.enter_async_context(lifetime)
            stack.callback(setattr, self, "_engine", None)
            for outlet in outlets:
                await self._engine.accompany(outlet.run, self)
            self._lifetime = stack.pop_all()
        return self.faces(self.settings.workspace)

    async def aclose(self) -> None:
        """Stop in order."""
        lifetime, self._lifetime, self._engine = self._lifetime, AsyncExitStack(), None
        with _plainly():
            await lifetime.aclose()

    @property
    def vitals(self) -> Vitals:
        """The figures of this moment. Raises `WorkspaceClosed`."""
        return vitals(self.engine, self.registry.providers)

    async def prepare(self) -> None:
        """Have every provider begin to get ready. Raises `WorkspaceClosed`."""
        _ = self.engine
        for provider in self.registry.providers:
            await provider.prepare()

    def add(self, provider: Provider) -> None:
        """Serve one more provider's targets, at once if this is open. Raises `InvalidRequest` for a target taken."""
        self.registry.add(provider)
        if self._engine is not None:
            self._engine.attach(provider)

    async def beside(self, workspace: str) -> Faces:
        """Serve one more workspace, if it is not served already."""
        await self.engine.serve(workspace)
        return self.faces(workspace)

    def faces(self, workspace: str) -> Faces:
        """Return what one workspace stands on."""
        engine, registry, read_only = self.engine, self.registry, self.read_only
        return Faces(
            workspace,
            Jobs(engine, registry, workspace, read_only=read_only),
            Submission(engine, registry, workspace, read_only=read_only),
            Sessions(self.storage, registry, workspace, read_only=read_only),
            Log(engine, workspace),
            Deliveries(engine, workspace, read_only=read_only),
            registry,
        )


@contextmanager
def _plainly() -> Iterator[None]:
    """Raise a failure of the engine's own, such as a lost store, as itself and not in the groups of its tasks."""
    try:
        yield
    except BaseExceptionGroup as group:
        failure: BaseException = group
        while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
            failure = failure.exceptions[0]
        raise failure from failure.__cause__
