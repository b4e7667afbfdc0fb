"""What every request handler may use, and what it may let the client do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from kyanite import Workspace
from kyanite.config import Settings
from kyanite.http.scopes import Scope

if TYPE_CHECKING:
    from kyanite.http.gateway.signing import Signer

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@dataclass
class State:
    """What changes while the daemon runs."""

    listening: str = ""
    """Where, such as `http://127.0.0.1:8473`."""
    keys_required: bool = False
    """Whether a request without a key is refused."""
    draining: bool = False
    """Whether the daemon is about to end. The application then refuses new jobs and sessions; edges need not."""


@dataclass(frozen=True)
class Service:
    """An open workspace, and what belongs to serving it. Handlers find it as `request.app[SERVICE]`."""

    workspace: Workspace
    settings: Settings
    signer: Signer
    state: State

    def address(self, request: web.BaseRequest) -> str:
        """Return scheme and host as the client wrote them, which every link that it is given begins with."""
        if _HOST.fullmatch(request.headers.get("Host", "")):
            return f"{request.scheme}://{request.host}"
        return self.state.listening


SERVICE: web.AppKey[Service] = web.AppKey("service", Service)

ACCESS: web.RequestKey[Scope] = web.RequestKey("access", Scope)
"""`request[ACCESS]` is the scope that the client has; `access` has compared it with what the route asks for."""
