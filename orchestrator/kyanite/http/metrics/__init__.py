"""What operators watch: `/metrics`, in the text format of Prometheus."""

from __future__ import annotations

from aiohttp import web

from kyanite.http.access import RULES, Rule
from kyanite.http.metrics.exposition import Exposition
from kyanite.http.metrics.lag import LoopLag
from kyanite.http.metrics.requests import REQUESTS, Requests, measured
from kyanite.http.metrics.text import CONTENT_TYPE
from kyanite.http.scopes import Scope
from kyanite.http.service import Service

__all__ = ["METERS", "add_routes", "measured"]

PATH = "/metrics"
METERS: web.AppKey[Exposition] = web.AppKey("meters", Exposition)


def add_routes(app: web.Application, service: Service) -> None:
    """Answer `/metrics`, to operators. The middleware `measured` belongs around all others of the application."""
    requests, lag = Requests(), LoopLag()
    app[REQUESTS] = requests
    app[METERS] = Exposition(service.workspace, requests, lag)
    app.cleanup_ctx.append(lag.measuring)
    app.router.add_get(PATH, shown)
    app[RULES]["GET", PATH] = Rule(Scope.OPERATE)


async def shown(request: web.Request) -> web.Response:
    """Show all figures of this moment."""
    text = await request.app[METERS].text()
    return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})
