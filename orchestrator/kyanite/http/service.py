"""What every request handler may use, and what it may let the client do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from kyanite import Workspace, telemetry
from kyanite.config import Settings
from kyanite.errors import QuotaExceeded
from kyanite.http.room import SharedRoom
from kyanite.http.scopes import Scope

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from kyanite.http.gateway.signing import Signer
    from kyanite.outlets.webhooks.outlet import Webhooks

TENANTS_MAX = 1_000
BODIES_BYTES_MAX = 256 << 20
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
    taken_over: Settings | None = None
    """The settings that count by now, if they were read again."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where those of the settings come from that are no defaults, by path; see `kyanite.config.Resolved`."""
    bodies: SharedRoom = field(default_factory=lambda: SharedRoom(BODIES_BYTES_MAX, BODIES_BYTES_MAX // 2))
    """Bytes for the bodies that are read as a whole; see `whole_body`."""
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
    tracer_provider: TracerProvider | None = None
    """What takes the spans of jobs, if any are made."""
    webhooks: Webhooks | None = None
    """What delivers webhooks, if anything does here."""

    async def tenant(self, name: str) -> Workspace:
        """Return the workspace of this name, opened if it was not. Raises `InvalidRequest`, `QuotaExceeded`."""
        if name == self.workspace.name:
            return self.workspace
        tenants = self.state.tenants
        if name not in tenants:
            if len(tenants) >= TENANTS_MAX:
                raise QuotaExceeded(f"{TENANTS_MAX:,} workspaces are open")
            opened = await self.workspace.beside(name)
            if tenants.setdefault(name, opened) is opened and self.tracer_provider is not None:
                telemetry.spans(opened, self.tracer_provider)
        return tenants[name]

    def address(self, request: web.BaseRequest) -> str:
        """Return what every link begins with that the client is given: scheme and host as it wrote them itself.

        A proxy may have written them anew; where there is one, the configuration says what clients write.
        """
        if self.settings.server.public_url:
            return self.settings.server.public_url
        if _HOST.fullmatch(request.headers.get("Host", "")):
            return f"{request.scheme}://{request.host}"
        return self.state.listening


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)

ACCESS: web.RequestKey[Scope] = web.RequestKey("access", Scope)
"""`request[ACCESS]` is the scope that the client has; `access` has compared it with what the route asks for."""

CLIENT: web.RequestKey[str] = web.RequestKey("client", str)
"""`request[CLIENT]` is what tells the client from others, where it was looked at: its key, or its address."""

STANDS: web.RequestKey[Callable[[], bool]] = web.RequestKey("stands")
"""`request[STANDS]()` tells whether the client's key still opens what it did, for answers that go on."""

WORKSPACE: web.RequestKey[Workspace] = web.RequestKey("workspace", Workspace)
"""`request[WORKSPACE]` is the workspace that the request is about, and the only one that it can reach."""
