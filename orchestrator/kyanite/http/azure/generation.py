"""Which generation of clients sent a request. Their paths tell: the older one's begin with `/v1.0`."""

from __future__ import annotations

from aiohttp import web

OLD_PREFIX = "/v1.0"


def is_old(request: web.Request) -> bool:
    """Tell whether the older client asks, for whom `DELETE` cancels a job."""
    return request.path.startswith(f"{OLD_PREFIX}/")
