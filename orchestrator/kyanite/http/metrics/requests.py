"""Requests, counted by the template of their route: what clients write as a path, a method or a status is no label."""

from __future__ import annotations

import time
from collections import Counter

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from kyanite.core.histogram import Histogram

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
UNMATCHED = "unmatched"
"""The route of what names none."""
OTHER = "OTHER"
"""The method that is none of HTTP's."""
ABORTED = "aborted"
_STREAM = "/events"
"""How the routes of event streams end."""


class Requests:
    """What was asked, how it was answered, and how long that took."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self.answered: Counter[tuple[str, str, str]] = Counter()
        """By route, method and status."""
        self.open: Counter[str] = Counter()
        """Under way, by route."""
        self.seconds: dict[tuple[str, str], Histogram] = {}

    def ended(self, route: str, method: str, status: str, seconds: float) -> None:
        """Take note of an answer."""
        self.open[route] -= 1
        self.answered[route, method, status] += 1
        if not route.endswith(_STREAM):
            histogram = self.seconds.get((route, method))
            if histogram is None:
                histogram = self.seconds[route, method] = Histogram(BOUNDS_S)
            histogram.observe(seconds)


REQUESTS: web.AppKey[Requests] = web.AppKey("requests", Requests)


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count each request; around all other middlewares, whose refusals count as well."""
    requests = request.app[REQUESTS]
    resource = request.match_info.route.resource
    route = UNMATCHED if resource is None else resource.canonical
    status, start_s = ABORTED, time.perf_counter()
    requests.open[route] += 1
    try:
        response = await handler(request)
        if response.prepared or not _gone(request):
            status = str(response.status)
    finally:
        method = request.method if request.method in hdrs.METH_ALL else OTHER
        requests.ended(route, method, status, time.perf_counter() - start_s)
    return response


def _gone(request: web.Request) -> bool:
    """Tell whether the client has left, so that nobody is told whatever the answer would be."""
    return request.transport is None or request.transport.is_closing()
