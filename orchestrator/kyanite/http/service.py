"""What every request handler may use, and what it may let the client do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from kyanite import Workspace
from kyanite.config import Settings
from kyanite.errors import QuotaExceeded
from kyanite.http.scopes import Scope

if TYPE_CHECKING:
    from kyanite.http.gateway.signing import Signer

TENANTS_MAX = 1_000
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@dataclass
class State:
    """What changes while the daemon runs."""

    listening: str = ""
    """Where, such as `http://127.0.0.1:8473`."""
    keys_required: bool = False
    """Whether a request without a key is refused."""
    door_key: str = ""
    """What opens everything to whoever may read the data folder, if there is such a key; see `door`."""
    draining: bool = False
    """Whether the daemon is about to end. The application then refuses new jobs and sessions; edges need not."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where those of the settings come from that are no defaults, by path; see `kyanite.config.Resolved`."""
    tenants: dict[str, Workspace] = field(default_factory=dict)
    """The workspaces beside the first that were asked for, by name."""


@dataclass(frozen=True)
class Service:
    """Open workspaces, and what belongs to serving them. Handlers find it as `request.app[SERVICE]`.

    `workspace` is the one of requests that choose none; the others stand beside it.
    """

    workspace: Workspace
    settings: Settings
    signer: Signer
    state: State

    async def tenant(self, name: str) -> Workspace:
        """Return the workspace of this name, opened if it was not. Raises `InvalidRequest`, `QuotaExceeded`."""
        if name == self.workspace.name:
            return self.workspace
        tenants = self.state.tenants
        if name not in tenants:
            if len(tenants) >= TENANTS_MAX:
                raise QuotaExceeded(f"{TENANTS_MAX:,} workspaces are open")
            tenants[name] = await self.workspace.beside(name)
        return tenants[name]

    def address(self, request: web.BaseRequest) -> str:
        """Return scheme and host as the client wrote them, which every link that it is given begins with."""
        if _HOST.fullmatch(request.headers.get("Host", "")):
            return f"{request.scheme}://{request.host}"
        return self.state.listening


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)

ACCESS: web.RequestKey[Scope] = web.RequestKey("access", Scope)
"""`request[ACCESS]` is the scope that the client has; `access` has compared it with what the route asks for."""

WORKSPACE: web.RequestKey[Workspace] = web.RequestKey("workspace", Workspace)
"""`request[WORKSPACE]` is the workspace that the request is about, and the only one that it can reach."""
