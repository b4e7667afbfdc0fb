"""A daemon elsewhere, on which a workspace stands."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from kyanite.config import Settings
from kyanite.ports import Faces
from kyanite.runtime.subscriptions import Subscriptions
from kyanite.runtime.system import SystemClock, SystemEntropy
from kyanite.runtime.trace import TRACEPARENT


class Daemon:
    """Connected to anew each time it is opened."""

    def __init__(
        self,
        url: str | None,
        *,
        api_key: str | None,
        workspace: str | None,
        authority: str | Path | None,
        patience_s: float,
    ) -> None:
        """Nothing is connected yet; see `Workspace.connect`. Raises `ConfigError` for what is no address."""
        from kyanite.client import endpoint_of

        self.settings = Settings() if workspace is None else Settings(workspace=workspace)
        self.endpoint = endpoint_of(url)
        self.read_only = False
        self.drive = True
        self._api_key = api_key
        self._workspace = workspace
        self._authority = authority
        self._patience_s = patience_s
        self._lifetime: AbstractAsyncContextManager[Faces] | None = None

    async def open(self) -> Faces:
        """Connect. Raises `AccessDenied`, `Unreachable`."""
        from kyanite.client import connected

        lifetime = connected(
            self.endpoint,
            api_key=self._api_key,
            workspace=self._workspace,
            authority=self._authority,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            delivery=Subscriptions,
            trace=TRACEPARENT.get,
            patience_s=self._patience_s,
        )
        faces = await lifetime.__aenter__()
        self._lifetime = lifetime
        return faces

    async def aclose(self) -> None:
        """Let go."""
        if self._lifetime is not None:
            lifetime, self._lifetime = self._lifetime, None
            await lifetime.__aexit__(None, None, None)
